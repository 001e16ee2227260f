package main

import (
	_ "embed" // For the template.
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

//go:embed page.md.tmpl
var pageText string

var pageFuncs = template.FuncMap{"table": table, "rows": goalRows}

var pageTemplate = template.Must(template.New("page").Funcs(pageFuncs).Parse(pageText))

// page is the data of the template.
type page struct {
	Date, Machine string
	Before, After string // The load averages of the machine.

	Seed      uint64
	Quota     int
	RoundTrip time.Duration
	Longest   time.Duration

	Goals  []goal
	Loads  []section
	Orders *comparison
	Cost   string // What the Go benchmarks print.

	results []result
}

// section is a load, with a row for each strategy.
type section struct {
	Name, Description string
	Rows              [][]string
}

// comparison is that of the orders of the queue, as internal/polling writes it.
type comparison struct {
	Seeds int
	Rows  [][]string
	Kinds [][]string // By kinds of tasks, with the bound.
	Notes []string
}

// read adds the results of other programs, if the files have names.
func (p *page) read(orders, cost string) error {
	if orders != "" {
		content, err := os.ReadFile(orders)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(content, &p.Orders); err != nil {
			return fmt.Errorf("%s: %w", orders, err)
		}
		if p.Orders == nil || len(p.Orders.Rows) == 0 {
			return fmt.Errorf("%s holds no comparison", orders)
		}
	}
	if cost != "" {
		content, err := os.ReadFile(cost)
		p.Cost = string(content)
		return err
	}
	return nil
}

// result is a strategy under a load.
type result struct {
	load     load
	strategy string
	figures
}

// table renders rows as a Markdown table with aligned columns; the first row is
// the head, the first column text and the others numbers.
func table(rows [][]string) string {
	rule := make([]string, len(rows[0]))
	for i := range rule {
		width := 3
		for _, row := range rows {
			width = max(width, utf8.RuneCountInString(row[i]))
		}
		rule[i] = strings.Repeat("-", width-1) + ":"
	}
	rule[0] = strings.ReplaceAll(rule[0], ":", "-")
	var text strings.Builder
	for _, row := range slices.Insert(slices.Clone(rows), 1, rule) {
		fmt.Fprintf(&text, "| %-*s |", len(rule[0]), row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(&text, " %*s |", len(rule[1+i]), cell)
		}
		text.WriteString("\n")
	}
	return text.String()
}

func seconds(s float64) string { return fmt.Sprintf("%.2f", s) }

// sections returns those of all loads.
func sections(results []result, all []load) []section {
	of := make([]section, len(all))
	for i, l := range all {
		head := []string{"strategy", "mean s", "mean/bound", "p50 s", "p99 s", "makespan/bound", "calls/task", "throttled", "given up", "undecided", "wrong", "status writes/task"}
		rows := [][]string{append(head, l.failures.columns()...)}
		for _, r := range results {
			if r.load.name == l.name {
				rows = append(rows, r.row()[:len(rows[0])])
			}
		}
		of[i] = section{l.name, l.describe(), rows}
	}
	return of
}

// row has a cell for each column, also for those that only some loads have.
func (r result) row() []string {
	makespan, writes := "", ""
	if r.load.rate == 0 && r.load.tasks > 1 {
		makespan = seconds(r.makespan)
	}
	if r.writes > 0 {
		writes = seconds(r.writes)
	}
	return []string{
		r.strategy, seconds(r.mean()), r.overBound(), seconds(r.quantile(0.5)), seconds(r.quantile(0.99)), makespan, seconds(r.calls),
		strconv.Itoa(r.throttled), strconv.Itoa(r.gaveUp), strconv.Itoa(r.undecided), strconv.Itoa(r.wrong), writes,
		seconds(r.probes), seconds(r.recovery),
	}
}

// overBound returns the ratio of the mean latency to the least that is possible without knowing
// when a task ends; nothing if no bound is known.
func (r result) overBound() string {
	least := r.load.bound(r.calls)
	if least == 0 {
		return ""
	}
	return seconds(r.mean() / least)
}

func (l load) describe() string {
	switch {
	case !l.undisturbed():
		return l.describeFailures()
	case l.stuck > 0:
		return fmt.Sprintf("%d tasks that never end, and %v later %d that do, at %g a second.\n", l.stuck, l.lead, l.tasks, l.rate)
	case l.alone:
		return fmt.Sprintf("%d tasks, one after the other. %d before them, at %g a second, count for nothing: ours learns from them.%s\n", l.counted(), l.first, l.rate, l.describeKinds())
	case l.rate > 0:
		return fmt.Sprintf("%d tasks, arriving at %g a second (Poisson). The first %d, from which ours learns, and the last %d count for nothing.%s\n",
			l.tasks, l.rate, l.first, l.last, l.describeKinds())
	case l.repeat > 1:
		return fmt.Sprintf("%d times %s, each with a quota of its own; means of all.\n", l.repeat, l.name)
	default:
		return fmt.Sprintf("%d tasks at once.\n", l.tasks)
	}
}

func (l load) describeKinds() string {
	if len(l.kinds) == 1 {
		return ""
	}
	return [...]string{
		" No kind is known.", " The kind of each task is known.", " The kind of every other task is known.", " Any of the kinds is said to be that of a task.",
	}[l.hints]
}

func goalRows(goals []goal) [][]string {
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
	return rows
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

// noise returns the load averages of the machine, or "unknown".
func noise() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
