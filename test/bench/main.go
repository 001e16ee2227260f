package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// settings are what the flags say.
type settings struct {
	out, crds          string
	simulator, manager string // Programs.
	orders, cost       string
	seed               uint64
	short              bool
	only               *regexp.Regexp
	operator           bool
	log                io.Writer
}

func main() {
	var s settings
	s.log = os.Stdout
	flag.StringVar(&s.out, "out", "", "write the report and its plots to this `folder`")
	flag.StringVar(&s.crds, "crds", "../../config/crd/bases", "the `folder` of the CRD")
	flag.StringVar(&s.simulator, "simulator", "../../bin/clbsim", "the `program` of internal/clbsim/cmd/clbsim")
	flag.StringVar(&s.manager, "manager", "../../bin/manager", "the operator's `program`")
	flag.StringVar(&s.orders, "orders", "", "report the comparison of orders in this `file` of internal/polling")
	flag.StringVar(&s.cost, "cost", "", "report the output of Go benchmarks in this `file`")
	flag.Uint64Var(&s.seed, "seed", 1, "draw the tasks from this seed")
	flag.BoolVar(&s.short, "short", false, "small loads only, to see that everything runs")
	flag.BoolVar(&s.operator, "operator", false, "measure the whole operator only, without the strategies beside it")
	of := scale{}
	scaled := flag.Bool("scale", false, "measure the operator's process with many objects, and nothing else")
	flag.IntVar(&of.finished, "finished", 100_000, "how many finished objects there are, for -scale")
	flag.IntVar(&of.running, "running", 2_000, "how many running objects there are, for -scale")
	flag.IntVar(&of.many, "many", 20_000, "how many running objects change state at once, for -scale")
	flag.DurationVar(&of.churn, "churn", 24*time.Minute, "how long objects come and go, for -scale")
	only := flag.String("only", "", "run only the loads whose name matches this `regexp`")
	flag.Parse()
	var err error
	if s.only, err = regexp.Compile(*only); err != nil {
		fail(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := s.run
	if of.settings = s; *scaled {
		run = of.run
	}
	if err := run(ctx); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// run measures everything and reports it.
func (s settings) run(ctx context.Context) error {
	p := page{Before: noise()}
	if err := p.read(s.orders, s.cost); err != nil {
		return err
	}
	var all []load
	for _, l := range loads(s.short) {
		if s.only.MatchString(l.name) {
			all = append(all, l)
		}
	}
	var results []result
	if !s.operator {
		var err error
		if results, err = s.compare(ctx, all); err != nil {
			return err
		}
		if err := pageTemplate.ExecuteTemplate(s.log, "loads", sections(results, all)); err != nil {
			return err
		}
	}
	operated, goals, err := s.operate(ctx, all)
	if err != nil {
		return err
	}
	// The operator stands beside the strategies.
	results = append(results, operated...)
	costs, err := costGoals(p.Cost)
	if err != nil {
		return err
	}
	p.results = results
	p.Goals, p.Loads = slices.Concat(goals, costs), sections(results, all)
	report, err := s.report(p)
	if err != nil {
		return err
	}
	fmt.Fprint(s.log, report)
	if s.out == "" {
		return nil
	}
	return s.write(report, results)
}

// compare puts every load on every strategy.
func (s settings) compare(ctx context.Context, all []load) ([]result, error) {
	results := make([][]result, len(all))
	err := inLanes(all, func(i int, l load) (err error) {
		if !l.operatorOnly {
			results[i], err = s.sideBySide(ctx, l)
		}
		return err
	})
	return slices.Concat(results...), errors.Join(err, ctx.Err())
}

// inLanes does something with every load, one after the other. Those that run aside
// have a lane of their own.
func inLanes(all []load, do func(i int, l load) error) error {
	failed := make([]error, len(all))
	var lanes sync.WaitGroup
	for _, aside := range []bool{false, true} {
		lanes.Go(func() {
			for i, l := range all {
				if l.aside == aside {
					failed[i] = do(i, l)
				}
			}
		})
	}
	lanes.Wait()
	return errors.Join(failed...)
}

// sideBySide runs all strategies under a load at the same time, so that each
// meets the same noise.
func (s settings) sideBySide(ctx context.Context, l load) ([]result, error) {
	strategies := append([]strategy{{ourStrategy, ours}}, append(references(), peers()...)...)
	fmt.Fprintf(s.log, "%s: %d strategies side by side\n", l.name, len(strategies))
	of := make([]result, len(strategies))
	failed := make(chan error, len(strategies)*l.repeat)
	var mu sync.Mutex
	var running sync.WaitGroup
	for i, st := range strategies {
		of[i] = result{load: l, strategy: st.name}
	}
	for repetition := range l.repeat {
		for i, st := range strategies {
			running.Go(func() {
				f, err := execute(ctx, st, l, s.seed, repetition)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				defer mu.Unlock()
				of[i].add(f)
			})
		}
		running.Wait()
	}
	close(failed)
	return of, <-failed
}

// report renders the page.
func (s settings) report(p page) (string, error) {
	p.Date, p.Machine, p.After = time.Now().UTC().Format(time.DateOnly), machine(), noise()
	p.Seed, p.Quota, p.RoundTrip, p.Longest = s.seed, quota, roundTrip, bound.Longest
	var text strings.Builder
	err := pageTemplate.Execute(&text, p)
	return text.String(), err
}

// write writes the report and its plots.
func (s settings) write(report string, results []result) error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "README.md"), []byte(report), 0o644); err != nil {
		return err
	}
	return plotAll(s.out, results)
}
