package kill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fate is how a round ended.
type fate struct {
	deed    string
	killed  string // the process
	acked   bool   // its client had an answer of success before
	outcome string
}

// report counts the fates of many rounds.
type report map[string]map[string]int

func (r report) add(f fate) {
	line := f.deed + " | " + f.killed
	if r[line] == nil {
		r[line] = map[string]int{}
	}
	r[line]["rounds"]++
	if f.acked {
		r[line]["acknowledged"]++
	}
	r[line][f.outcome]++
}

// String gives a table in Markdown.
func (r report) String() string {
	var b strings.Builder
	b.WriteString("| what was under way | killed | rounds | acknowledged before | outcome |\n|---|---|---|---|---|\n")
	for _, line := range slices.Sorted(maps.Keys(r)) {
		n := r[line]
		var outcomes []string
		for _, outcome := range slices.Sorted(maps.Keys(n)) {
			if outcome != "rounds" && outcome != "acknowledged" {
				outcomes = append(outcomes, fmt.Sprintf("%d %s", n[outcome], outcome))
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", line, n["rounds"], n["acknowledged"], strings.Join(outcomes, ", "))
	}
	return b.String()
}
