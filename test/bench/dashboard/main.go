// Dashboard draws the picture of docs/operations.md: what a real Prometheus answers to the
// queries of the Grafana dashboard. It runs the operator as two processes, against a real
// API server and simulated clouds, lets a Prometheus scrape them through their secured
// endpoint while the load varies for some minutes, and draws each panel at its place. It
// is not Grafana, which looks different.
//
// `make dashboard-picture` runs it. It fails if a query of the dashboard has no data.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	root, manager, out string
	stage              time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.root, "root", "../..", "the `folder` of the repository")
	flag.StringVar(&s.manager, "manager", "../../bin/manager", "the operator's `program`")
	flag.StringVar(&s.out, "out", "dashboard.svg", "write the picture to this `file`")
	flag.DurationVar(&s.stage, "stage", 100*time.Second, "how long each of the six kinds of load lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func (s settings) run(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "dashboard-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	w, err := newWorld(ctx, s, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	begun := time.Now()
	if err := w.load(ctx, s.stage); err != nil {
		return err
	}
	all, err := readPanels(s.root + "/config/monitoring/dashboard.json")
	if err != nil {
		return err
	}
	if err := w.prometheus.fill(ctx, all, begun, time.Now()); err != nil {
		return err
	}
	if err := w.prometheus.reportAlerts(ctx); err != nil {
		return err
	}
	return drawAll(s.out, all)
}
