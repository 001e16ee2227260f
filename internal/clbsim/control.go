package clbsim

import (
	"encoding/json"
	"net/http"
	"time"
)

// Control returns the handler of the JSON interface, for owners in another
// process:
//
//	POST   /simulator/tasks    {"requestId": "t1", "duration": "5s", "result": "failed", "message": "no quota"}
//	POST   /simulator/tasks    {"dealName": "20261129000001"}
//	POST   /simulator/faults   {"kind": "HTTPResponse", "statusCode": 502, "share": 0.5}
//	DELETE /simulator/faults   removes all
//	GET    /simulator/stats
//
// The fields are those of [Task], [Fault] and [Stats]; the duration is text, as Go
// writes it. A task whose requestId is empty gets one, which the reply names.
func (s *Simulator) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /simulator/tasks", func(w http.ResponseWriter, r *http.Request) {
		var posted struct {
			Task

			Duration duration `json:"duration"`
		}
		if read(w, r, &posted) {
			posted.Task.Duration = time.Duration(posted.Duration)
			write(w, map[string]string{"requestId": s.AddTask(posted.Task).ID})
		}
	})
	mux.HandleFunc("POST /simulator/faults", func(w http.ResponseWriter, r *http.Request) {
		var posted Fault
		if read(w, r, &posted) {
			s.AddFault(posted)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("DELETE /simulator/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /simulator/stats", func(w http.ResponseWriter, _ *http.Request) { write(w, s.Stats()) })
	return mux
}

// read decodes the body and validates it. If either fails, it replies with 400.
// Unknown fields fail, since a misspelt one would be ignored silently.
func read(w http.ResponseWriter, r *http.Request, into interface{ validate() error }) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		err = into.validate()
	}
	if err == nil {
		return true
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
	return false
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // An error means that the client has gone away.
}

// duration is text in JSON: "1m30s".
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}
