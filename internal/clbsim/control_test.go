package clbsim

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// control sends a request to the JSON interface: method, path and body. It
// returns the status and the reply.
func control(s *Simulator, request string) (int, string) {
	parts, w := strings.SplitN(request, " ", 3), httptest.NewRecorder()
	s.Control().ServeHTTP(w, httptest.NewRequest(parts[0], "/simulator/"+parts[1], strings.NewReader(parts[2])))
	return w.Code, w.Body.String()
}

func TestControl(t *testing.T) {
	t.Parallel()
	s, now := newTestSimulator(Config{})
	control(s, `POST tasks {"requestId":"t","duration":"1m","result":"failed"}`)
	if task, ok := s.Task("t"); !ok || !task.End().Equal(now.Add(time.Minute)) || task.Result != Failed {
		t.Errorf("the task is %+v", task)
	}
	control(s, `POST faults {"kind":"ErrorCode","code":"InternalError"}`)
	if got := poll(t, s, "t").Error.Code; got != "InternalError" {
		t.Errorf("with a fault the code is %q", got)
	}
	control(s, "DELETE faults ")
	if got := poll(t, s, "t").Error.Code; got != "" {
		t.Errorf("without faults the code is %q", got)
	}
	if _, got := control(s, "GET stats "); got != `{"calls":2,"accounts":{"AKIDtest":{"arrivals":2,"throttled":0,"peak":2}}}`+"\n" {
		t.Errorf("the stats are %s", got)
	}
}

func TestControlChecks(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		request string
		status  int
		want    string // Part of the reply.
	}{
		"a task gets an ID":              {`POST tasks {"region":"ap-guangzhou","fromFirstPoll":true,"message":"m","loadBalancerIds":["lb-1"]}`, 200, `{"requestId":"`},
		"an unknown field is refused":    {`POST tasks {"durration":"1s"}`, 400, `unknown field "durration"`},
		"a duration must be one":         {`POST tasks {"duration":"soon"}`, 400, `invalid duration "soon"`},
		"a product must be known":        {`POST tasks {"product":"alb"}`, 400, `unknown product "alb"`},
		"a product may be given":         {`POST tasks {"product":"gwlb","requestId":"g"}`, 200, `{"requestId":"g"}`},
		"a result must be known":         {`POST tasks {"result":"done"}`, 400, `unknown result "done"`},
		"an HTTP response is added":      {`POST faults {"kind":"HTTPResponse","statusCode":429,"header":{"Retry-After":["5"]},"body":"x","share":0.5,"region":"ap-beijing"}`, 204, ""},
		"a kind must be known":           {`POST faults {"kind":"Earthquake"}`, 400, `unknown kind "Earthquake"`},
		"a share is at most one":         {`POST faults {"kind":"Hang","share":50}`, 400, "0 to 1"},
		"a status code must be possible": {`POST faults {"kind":"HTTPResponse","statusCode":99}`, 400, "status code 99"},
		"an error needs a code":          {`POST faults {"kind":"ErrorCode"}`, 400, "code is missing"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if status, got := control(New(Config{}), test.request); status != test.status || !strings.Contains(got, test.want) {
				t.Errorf("the reply is %d %s, want %d %s", status, got, test.status, test.want)
			}
		})
	}
}

func TestFaultMustBeValid(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a fault without a kind is added")
		}
	}()
	New(Config{}).AddFault(Fault{})
}
