package lifecycle

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

var update = flag.Bool("update", false, "write testdata/lives.json")

// moment is an object in a life, and what may be said of it: by what really happened,
// and not by its status. The waiters' own code judges them in test/gitops.
type moment struct {
	Object map[string]any
	Class  class
	State  string // Where a waiter's exceptions are looked up: "suspended", or none.
}

// moments are those of many lives, each kind of status once.
func moments(t *testing.T) []moment {
	t.Helper()
	kinds := map[string]moment{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		play(t, randomScript(rng), func(w *witness, _ *Observation, _, looked bool) {
			observed := w.task.Status.ObservedGeneration == w.task.Generation
			if !looked && w.class != open {
				return // An end holds for every spec; kstatus waits for the generation.
			}
			kind := fmt.Sprint(matrix.Row(w.task.Status), w.class, looked, observed)
			if _, known := kinds[kind]; known {
				return
			}
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(w.task)
			if err != nil {
				t.Fatal(err)
			}
			m := moment{Object: object, Class: w.class}
			if w.task.Status.Phase == v1alpha1.PhaseSuspended && observed {
				m.State = "suspended"
			}
			kinds[kind] = m
		})
	}
	var all []moment
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, kinds[kind])
	}
	return all
}

// testdata/lives.json holds an object of every kind that lives lead to.
func TestLives(t *testing.T) {
	t.Parallel()
	const file = "testdata/lives.json"
	all := moments(t)
	text := []byte{'['}
	seen := map[string]bool{}
	for i, m := range all { // One a line.
		line, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, [2]string{"\n", ",\n"}[min(i, 1)]...), line...)
		status := new(v1alpha1.CLBTask)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(m.Object, status); err != nil {
			t.Fatal(err)
		}
		seen[matrix.Row(status.Status)] = true
	}
	text = append(text, "\n]\n"...)
	for row, possible := range rows {
		if possible != seen[row] {
			t.Errorf("of the matrix: %v, in the lives: %v: %s", possible, seen[row], row)
		}
	}
	if len(all) < 80 {
		t.Errorf("%d kinds of statuses", len(all))
	}
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, kept) {
		t.Errorf("%s is not what this run found: run `go test ./internal/lifecycle -run TestLives -update`", file)
	}
}
