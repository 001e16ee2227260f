package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// result is a strategy under a load.
type result struct {
	load     load
	strategy string
	figures
}

// table renders rows as a Markdown table with aligned columns; the first row is
// the head, the first column text and the others numbers.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for r, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				text.WriteString("| " + cell + pad)
			} else {
				text.WriteString(" | " + pad + cell)
			}
		}
		text.WriteString(" |\n")
		if r == 0 {
			text.WriteString("| " + strings.Repeat("-", widths[0]))
			for _, width := range widths[1:] {
				text.WriteString(" | " + strings.Repeat("-", width-1) + ":")
			}
			text.WriteString(" |\n")
		}
	}
	return text.String()
}

func seconds(s float64) string { return fmt.Sprintf("%.2f", s) }

// loadTables renders one table for each load.
func loadTables(results []result, all []load) string {
	var text strings.Builder
	for _, l := range all {
		head := []string{"strategy", "mean s", "p50 s", "p99 s", "makespan/bound", "calls/task", "throttled", "given up", "undecided", "wrong", "status writes/task"}
		rows := [][]string{append(head, l.failures.columns()...)}
		for _, r := range results {
			if r.load.name != l.name {
				continue
			}
			makespan, writes := "", ""
			if l.rate == 0 && l.tasks > 1 {
				makespan = seconds(r.makespan)
			}
			if r.writes > 0 {
				writes = seconds(r.writes)
			}
			row := []string{
				r.strategy, seconds(r.mean()), seconds(r.quantile(0.5)), seconds(r.quantile(0.99)), makespan, seconds(r.calls),
				strconv.Itoa(r.throttled), strconv.Itoa(r.gaveUp), strconv.Itoa(r.undecided), strconv.Itoa(r.wrong), writes,
			}
			more := []string{seconds(r.probes), seconds(r.recovery)}
			rows = append(rows, append(row, more[:len(rows[0])-len(row)]...))
		}
		fmt.Fprintf(&text, "\n### %s\n\n%s\n%s", l.name, l.describe(), table(rows))
	}
	return text.String()
}

func (l load) describe() string {
	switch {
	case !l.undisturbed():
		return l.describeFailures()
	case l.stuck > 0:
		return fmt.Sprintf("%d tasks that never end, and %v later %d that do, at %g a second.\n", l.stuck, l.lead, l.tasks, l.rate)
	case l.rate > 0:
		return fmt.Sprintf("%d tasks, arriving at %g a second (Poisson).\n", l.tasks, l.rate)
	case l.repeat > 1:
		return fmt.Sprintf("%d times %s, each with a quota of its own; means of all (the operator: of %d, one after the other).\n", l.repeat, l.name, l.operated())
	default:
		return fmt.Sprintf("%d tasks at once.\n", l.tasks)
	}
}

func goalTable(goals []goal) string {
	rows := [][]string{{"load", "figure", "goal", "measured", "reached"}}
	for _, g := range goals {
		sign, reached := "≤ ", "yes"
		if g.atLeast {
			sign = "≥ "
		}
		if !g.reached() {
			reached = "**no**"
		}
		rows = append(rows, []string{g.load, g.what, sign + trim(g.limit), trim(g.measured), reached})
	}
	return table(rows)
}

// trim writes a figure without needless zeros.
func trim(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
}

// machine describes what the figures were measured on.
func machine() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d CPUs, %s %s, Linux %s", runtime.NumCPU(), runtime.GOARCH, runtime.Version(), strings.TrimSpace(string(release)))
}

// noise returns the load averages of the machine, or nothing where it tells none.
func noise() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(slices.Clip(fields[:3]), " ")
}
