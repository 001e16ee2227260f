package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// wait is one `kubectl wait`, and what came of it.
type wait struct {
	sample sample
	args   []string
	output bytes.Buffer
	err    error
	at     time.Time
}

// follow applies the samples and watches them until all waits for them are over.
func (s *stage) follow(ctx context.Context) error {
	s.step("There are %d requests to follow; the cloud takes some seconds for each", len(s.samples))
	s.print("\n")
	if err := s.kubectl.run(ctx, "apply", "-f", samplesFile); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	waits, finished := s.startWaits(watching)
	defer func() {
		stop()
		<-finished // No kubectl stays behind.
	}()
	s.command("get", "clbtasks", "--watch")
	go func() {
		<-finished
		pause(watching, 300*time.Millisecond) // The last lines may still be on their way.
		stop()
	}()
	err := s.kubectl.quietly(watching, s.out, "get", "clbtasks", "--watch")
	if watching.Err() == nil {
		return errors.Join(errors.New("the watch ended by itself"), err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.print("\n")
	s.step("Meanwhile, side by side, as a pipeline would wait:")
	s.print("\n")
	for _, w := range waits {
		s.command(w.args...)
		s.print("%s", &w.output)
		if w.err != nil {
			return w.err
		}
	}
	s.print("\n")
	s.step("From the end of a task in the cloud until kubectl wait returned:")
	s.more("%s", s.delays(waits))
	s.print("\n")
	return nil
}

// startWaits returns at once; the waits may be read when the channel is closed.
func (s *stage) startWaits(ctx context.Context) ([]*wait, <-chan struct{}) {
	var all sync.WaitGroup
	waits := make([]*wait, 0, len(s.samples))
	for _, sample := range s.samples {
		w := &wait{sample: sample, args: []string{"wait", "--for=" + sample.waitFor, "clbtask/" + sample.name, "--timeout=60s"}}
		waits = append(waits, w)
		all.Go(func() {
			w.err = s.kubectl.quietly(ctx, &w.output, w.args...)
			w.at = time.Now()
		})
	}
	finished := make(chan struct{})
	go func() {
		all.Wait()
		close(finished)
	}()
	return waits, finished
}

// delays tells how long after the cloud's end of a task its wait returned.
func (s *stage) delays(waits []*wait) string {
	var texts []string
	for _, w := range waits {
		if end := s.sky.end(w.sample); !end.IsZero() {
			texts = append(texts, fmt.Sprintf("%s %.2f s", w.sample.name, w.at.Sub(end).Seconds()))
		}
	}
	return strings.Join(texts, ", ")
}
