// Command bench measures a cumulited from outside and prints a table of the
// figures in README.md:
//
//	go run ./bench            # start, memory, tokens, lists: simulated hosts
//	go run ./bench -real      # as root: real servers through libvirt, too
//
// Each figure is the median of its runs. Load comes from the same machine.
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
	real := flag.Bool("real", false, "boot real servers, too")
	runs := flag.Int("runs", 10, "how often what takes short is done")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if err := run(ctx, *real, *runs); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, real bool, runs int) error {
	dir, err := os.MkdirTemp("/var/tmp", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // QEMU's user passes
		return err
	}
	program := filepath.Join(dir, "cumulited")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./daemons/cumulited")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	b := bench{program: program, dir: dir, runs: runs}
	for _, measure := range []func(context.Context) error{b.start, b.http} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	if real {
		return b.real(ctx)
	}
	return nil
}

type bench struct {
	program, dir string
	runs         int
}

// report prints one figure.
func report(what, format string, args ...any) {
	fmt.Printf("| %-58s | %-24s |\n", what, fmt.Sprintf(format, args...))
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// milliseconds prints the median with the least and the most.
func milliseconds(all []time.Duration) string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%.1f ms (%.1f to %.1f)", ms(median(all)), ms(slices.Min(all)), ms(slices.Max(all)))
}
