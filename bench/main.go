// Command bench measures a cumulited from outside and prints a table of the
// figures in README.md:
//
//	go run ./bench                  # everything but real servers
//	go run ./bench creates restart  # these parts only
//	go run ./bench real             # as root: real servers through libvirt
//
// Load comes from the same machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	log.SetFlags(0)
	if os.Getenv(asCloud) != "" {
		os.Exit(serve(os.Args[1:]))
	}
	b := bench{}
	flag.IntVar(&b.runs, "runs", 10, "how often what takes short is done")
	flag.IntVar(&b.existing, "existing", 100_000, "servers that are there when creates and lists are measured again")
	flag.IntVar(&b.misdeeds, "bad", 1_000_000, "bad requests")
	flag.StringVar(&b.database, "database", os.Getenv("BENCH_DATABASE"), "postgres:// `URL` of an empty database, for shared")
	flag.StringVar(&b.profile, "profile", "", "`file` that gets the CPU profile of the last cloud under load")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if err := b.run(ctx, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

type bench struct {
	program, dir string
	runs         int
	existing     int
	misdeeds     int
	database     string
	profile      string
}

// part is a group of figures.
type part struct {
	name    string
	measure func(*bench, context.Context) error
	asked   bool // only when it is named
}

var parts = []part{
	{name: "start", measure: (*bench).start},
	{name: "http", measure: (*bench).http},
	{name: "creates", measure: (*bench).creates},
	{name: "many", measure: (*bench).many},
	{name: "restart", measure: (*bench).restart},
	{name: "bad", measure: (*bench).bad},
	{name: "shared", measure: (*bench).shared, asked: true},
	{name: "real", measure: (*bench).real, asked: true},
}

// run measures the parts that are named, or those that need no root.
func (b *bench) run(ctx context.Context, names []string) (err error) {
	for _, name := range names {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	if b.dir, err = os.MkdirTemp("/var/tmp", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o711); err != nil { // QEMU's user passes
		return err
	}
	b.program = filepath.Join(b.dir, "cumulited")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.dir, "./daemons/cumulited", "./daemons/hostagent")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	for _, p := range parts {
		if slices.Contains(names, p.name) || len(names) == 0 && !p.asked {
			if err := p.measure(b, ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

// report prints one figure.
func report(what, format string, args ...any) {
	fmt.Printf("| %-58s | %-24s |\n", what, fmt.Sprintf(format, args...))
}

// quantile gives the time that the share q of all stayed below.
func quantile(all []time.Duration, q float64) time.Duration {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[int(float64(len(sorted)-1)*q)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// milliseconds prints the median with the least and the most.
func milliseconds(all []time.Duration) string {
	return fmt.Sprintf("%.1f ms (%.1f to %.1f)", ms(quantile(all, 0.5)), ms(slices.Min(all)), ms(slices.Max(all)))
}
