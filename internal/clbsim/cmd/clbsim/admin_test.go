package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

func TestAdmin(t *testing.T) {
	t.Parallel()
	const allOfATask = `{"id":"t","dealName":"d","region":"ap-guangzhou","account":"100001","created":"2026-03-18T12:00:00Z",` +
		`"visibleAfter":"1s","startDelay":"2s","duration":"1m0s","outcome":"Failed","message":"m","loadBalancerIDs":["lb-1"],"end":"2026-03-18T12:01:02Z"}`
	tests := map[string]struct {
		method, path, body string
		status             int
		want               string // Part of the answer.
	}{
		"a task is told as it was posted":     {http.MethodPost, "/tasks", allOfATask, 201, "[" + allOfATask + "]\n"},
		"a list of tasks is posted":           {http.MethodPost, "/tasks", `[{"id":"a"},{"id":"b","outcome":"Stuck"}]`, 201, `"Stuck"`},
		"all tasks are told":                  {"GET", "/tasks", "", 200, `[{"id":"there"`},
		"a task is removed":                   {"DELETE", "/tasks/there", "", 204, ""},
		"a task that is not there":            {"DELETE", "/tasks/gone", "", 404, `There is no task "gone".`},
		"an unknown field of a task":          {http.MethodPost, "/tasks", `{"id":"t","durration":"1s"}`, 400, `unknown field "durration"`},
		"an unknown field in a list":          {http.MethodPost, "/tasks", `[{"id":"t"},{"Id2":"t"}]`, 400, `unknown field "Id2"`},
		"a duration that is none":             {http.MethodPost, "/tasks", `{"duration":"soon"}`, 400, `invalid duration "soon"`},
		"a duration that is a number":         {http.MethodPost, "/tasks", `{"duration":5}`, 400, "cannot unmarshal number"},
		"a negative duration":                 {http.MethodPost, "/tasks", `[{"id":"a"},{"id":"b","duration":"-1s"}]`, 400, `task "b": durations must not be negative`},
		"an outcome that is none":             {http.MethodPost, "/tasks", `{"outcome":"failed"}`, 400, `"failed" is none of ["Succeeded" "Failed" "Stuck"]`},
		"no JSON":                             {http.MethodPost, "/tasks", `{`, 400, "The request cannot be used: "},
		"nothing":                             {http.MethodPost, "/tasks", ``, 400, "EOF"},
		"two values":                          {http.MethodPost, "/tasks", `{} {}`, 400, "more than one JSON value"},
		"a fault is posted":                   {http.MethodPost, "/faults", `{"kind":"Latency","delay":"1s","jitter":"1s","after":"1h","for":"2h","share":0.5,"taskID":"t-*"}`, 204, ""},
		"an unknown field of a fault":         {http.MethodPost, "/faults", `{"kind":"Hang","match":"x"}`, 400, `unknown field "match"`},
		"an unknown kind of fault":            {http.MethodPost, "/faults", `{"kind":"Earthquake"}`, 400, `unknown kind "Earthquake"`},
		"all faults are removed":              {"DELETE", "/faults", "", 204, ""},
		"a background is set":                 {http.MethodPost, "/background", `{"perSecond":5}`, 204, ""},
		"a background of another account":     {http.MethodPost, "/background", `{"perSecond":5,"account":"100001"}`, 204, ""},
		"a negative background":               {http.MethodPost, "/background", `{"perSecond":-5}`, 400, "perSecond must not be negative"},
		"an unknown field of a background":    {http.MethodPost, "/background", `{"qps":5}`, 400, `unknown field "qps"`},
		"no calls are an empty list":          {"GET", "/calls", "", 200, "[]\n"},
		"no calls for a task are one as well": {"GET", "/calls?task=t", "", 200, "[]\n"},
		"the stats are told":                  {"GET", "/stats", "", 200, `{"calls":0,"accounts":{}}`},
		"another method":                      {"PUT", "/stats", "", 405, ""},
		"another path":                        {"GET", "/", "", 404, ""},
		"more than there is room for":         {http.MethodPost, "/tasks", `"` + strings.Repeat("x", maxBody) + `"`, 400, "too large"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			sim := clbsim.New(clbsim.Config{})
			sim.AddTask(clbsim.Task{ID: "there"})
			w := httptest.NewRecorder()
			adminHandler(sim, "AKIDtest").ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("answered %d %s, want %d %s", w.Code, w.Body, test.status, test.want)
			}
		})
	}
}

func TestAdminChangesNothingWhenItRefuses(t *testing.T) {
	t.Parallel()
	sim := clbsim.New(clbsim.Config{})
	w := httptest.NewRecorder()
	adminHandler(sim, "").ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/tasks", strings.NewReader(`[{"id":"a"},{"id":"b","duration":"-1s"}]`)))
	if n := len(sim.Tasks()); n != 0 {
		t.Errorf("%d tasks are added", n)
	}
}

func TestFaultsOfEveryKindCanBePosted(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"kind":"Latency","delay":"1ms"}`, `{"kind":"Hang"}`, `{"kind":"Reset"}`, `{"kind":"BrokenBody"}`,
		`{"kind":"HTTPStatus","statusCode":307,"location":"https://example.com/"}`, `{"kind":"NullBody"}`,
		`{"kind":"HTTPStatus","statusCode":429,"retryAfter":"5"}`,
		`{"kind":"ShortBody","claimWhole":true}`, `{"kind":"HugeBody","mib":64}`, `{"kind":"EmptyObject"}`,
		`{"kind":"NullStatus"}`, `{"kind":"UnknownStatus","value":3}`, `{"kind":"WrongContentType"}`,
		`{"kind":"ErrorCode","code":"InternalError","message":"m","secretID":"id","region":"r","host":"h","name":"n","count":1}`,
	} {
		sim := clbsim.New(clbsim.Config{})
		w := httptest.NewRecorder()
		adminHandler(sim, "").ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/faults", strings.NewReader(body)))
		if w.Code != http.StatusNoContent {
			answer, _ := io.ReadAll(w.Body)
			t.Errorf("%s: answered %d %s", body, w.Code, answer)
		}
	}
}
