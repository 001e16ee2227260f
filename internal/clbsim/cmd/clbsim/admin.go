package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// maxBody has room for 100,000 tasks and more.
const maxBody = 32 << 20

type admin struct {
	sim     *clbsim.Simulator
	account string // Whose background consumption is meant by default.
}

func adminHandler(sim *clbsim.Simulator, account string) http.Handler {
	a := &admin{sim: sim, account: account}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tasks", a.addTasks)
	mux.HandleFunc("GET /tasks", a.listTasks)
	mux.HandleFunc("DELETE /tasks/{id}", a.removeTask)
	mux.HandleFunc("POST /faults", a.addFault)
	mux.HandleFunc("DELETE /faults", a.clearFaults)
	mux.HandleFunc("POST /background", a.setBackground)
	mux.HandleFunc("GET /calls", a.listCalls)
	mux.HandleFunc("GET /stats", a.showStats)
	return http.MaxBytesHandler(mux, maxBody)
}

func (a *admin) addTasks(w http.ResponseWriter, r *http.Request) {
	tasks, err := readTasks(r.Body)
	if err != nil {
		refuse(w, err)
		return
	}
	added := make([]task, 0, len(tasks))
	for _, t := range tasks {
		added = append(added, taskFrom(a.sim.AddTask(t)))
	}
	write(w, http.StatusCreated, added)
}

func (a *admin) listTasks(w http.ResponseWriter, _ *http.Request) {
	all := a.sim.Tasks()
	list := make([]task, 0, len(all))
	for _, t := range all {
		list = append(list, taskFrom(t))
	}
	write(w, http.StatusOK, list)
}

func (a *admin) removeTask(w http.ResponseWriter, r *http.Request) {
	if id := r.PathValue("id"); !a.sim.RemoveTask(id) {
		http.Error(w, fmt.Sprintf("There is no task %q.", id), http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *admin) addFault(w http.ResponseWriter, r *http.Request) {
	var f fault
	if err := read(r.Body, &f); err != nil {
		refuse(w, err)
		return
	}
	if err := f.fault().Validate(); err != nil {
		refuse(w, err)
		return
	}
	a.sim.AddFault(f.fault())
	w.WriteHeader(http.StatusNoContent)
}

func (a *admin) clearFaults(w http.ResponseWriter, _ *http.Request) {
	a.sim.ClearFaults()
	w.WriteHeader(http.StatusNoContent)
}

func (a *admin) setBackground(w http.ResponseWriter, r *http.Request) {
	background := struct {
		Account   string `json:"account"`
		PerSecond int    `json:"perSecond"`
	}{Account: a.account}
	if err := read(r.Body, &background); err != nil {
		refuse(w, err)
		return
	}
	if background.PerSecond < 0 {
		refuse(w, errors.New("perSecond must not be negative"))
		return
	}
	a.sim.SetBackground(background.Account, background.PerSecond)
	w.WriteHeader(http.StatusNoContent)
}

func (a *admin) listCalls(w http.ResponseWriter, r *http.Request) {
	var calls []clbsim.Call
	if id := r.FormValue("task"); id != "" {
		calls = a.sim.CallsFor(id)
	} else {
		calls = a.sim.Calls()
	}
	if calls == nil {
		calls = []clbsim.Call{} // Written as [], not null.
	}
	write(w, http.StatusOK, calls)
}

func (a *admin) showStats(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, a.sim.Stats())
}

// read fails on anything but exactly one JSON value without unknown fields: a
// misspelt field would make a test pass for the wrong reason.
func read(r io.Reader, into any) error {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

func refuse(w http.ResponseWriter, err error) {
	http.Error(w, fmt.Sprintf("The request cannot be used: %v.", err), http.StatusBadRequest)
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The error is the client's going away.
	_ = json.NewEncoder(w).Encode(value)
}
