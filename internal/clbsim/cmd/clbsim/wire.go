package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// duration is written as in Go: "1m30s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// task is clbsim.Task in JSON.
type task struct {
	ID              string         `json:"id,omitempty"`
	DealName        string         `json:"dealName,omitempty"`
	Region          string         `json:"region,omitempty"`
	Account         string         `json:"account,omitempty"`
	Created         time.Time      `json:"created,omitzero"`
	FromFirstAsk    bool           `json:"fromFirstAsk,omitempty"`
	VisibleAfter    duration       `json:"visibleAfter,omitzero"`
	StartDelay      duration       `json:"startDelay,omitzero"`
	Duration        duration       `json:"duration,omitzero"`
	Outcome         clbsim.Outcome `json:"outcome"`
	Message         string         `json:"message,omitempty"`
	LoadBalancerIDs []string       `json:"loadBalancerIDs,omitempty"`

	// End is only told, and read for nothing, so that what GET tells can be
	// given to POST and to --tasks.
	End time.Time `json:"end,omitzero"`
}

func taskFrom(t clbsim.Task) task {
	return task{
		ID:              t.ID,
		DealName:        t.DealName,
		Region:          t.Region,
		Account:         t.Account,
		Created:         t.Created,
		FromFirstAsk:    t.FromFirstAsk,
		VisibleAfter:    duration(t.VisibleAfter),
		StartDelay:      duration(t.StartDelay),
		Duration:        duration(t.Duration),
		Outcome:         t.Outcome,
		Message:         t.Message,
		LoadBalancerIDs: t.LoadBalancerIDs,
		End:             t.End(),
	}
}

func (t task) task() (clbsim.Task, error) {
	if min(t.VisibleAfter, t.StartDelay, t.Duration) < 0 {
		return clbsim.Task{}, fmt.Errorf("task %q: durations must not be negative", t.ID)
	}
	return clbsim.Task{
		ID:              t.ID,
		DealName:        t.DealName,
		Region:          t.Region,
		Account:         t.Account,
		Created:         t.Created,
		FromFirstAsk:    t.FromFirstAsk,
		VisibleAfter:    time.Duration(t.VisibleAfter),
		StartDelay:      time.Duration(t.StartDelay),
		Duration:        time.Duration(t.Duration),
		Outcome:         t.Outcome,
		Message:         t.Message,
		LoadBalancerIDs: t.LoadBalancerIDs,
	}, nil
}

// readTasks reads one task or a list of them.
func readTasks(r io.Reader) ([]clbsim.Task, error) {
	var raw json.RawMessage
	if err := read(r, &raw); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(raw, []byte("{")) {
		raw = slices.Concat([]byte("["), raw, []byte("]"))
	}
	var list []task
	if err := read(bytes.NewReader(raw), &list); err != nil {
		return nil, err
	}
	tasks := make([]clbsim.Task, 0, len(list))
	var errs []error
	for _, t := range list {
		task, err := t.task()
		tasks, errs = append(tasks, task), append(errs, err)
	}
	return tasks, errors.Join(errs...)
}

// fault is clbsim.Fault in JSON.
type fault struct {
	Name string      `json:"name"`
	Kind clbsim.Kind `json:"kind"`

	SecretID string   `json:"secretID"`
	Region   string   `json:"region"`
	Host     string   `json:"host"`
	TaskID   string   `json:"taskID"`
	Count    int      `json:"count"`
	Share    float64  `json:"share"`
	After    duration `json:"after"`
	For      duration `json:"for"`

	Delay      duration `json:"delay"`
	Jitter     duration `json:"jitter"`
	StatusCode int      `json:"statusCode"`
	Location   string   `json:"location"`
	RetryAfter string   `json:"retryAfter"`
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Value      int64    `json:"value"`
	MiB        int      `json:"mib"`
	ClaimWhole bool     `json:"claimWhole"`
}

func (f fault) fault() clbsim.Fault {
	return clbsim.Fault{
		Name:       f.Name,
		Kind:       f.Kind,
		SecretID:   f.SecretID,
		Region:     f.Region,
		Host:       f.Host,
		TaskID:     f.TaskID,
		Count:      f.Count,
		Share:      f.Share,
		After:      time.Duration(f.After),
		For:        time.Duration(f.For),
		Delay:      time.Duration(f.Delay),
		Jitter:     time.Duration(f.Jitter),
		StatusCode: f.StatusCode,
		Location:   f.Location,
		RetryAfter: f.RetryAfter,
		Code:       f.Code,
		Message:    f.Message,
		Value:      f.Value,
		MiB:        f.MiB,
		ClaimWhole: f.ClaimWhole,
	}
}
