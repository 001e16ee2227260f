package clbsim

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

var (
	badGateway    = Fault{Kind: HTTPResponse, StatusCode: http.StatusBadGateway}
	internalError = Fault{Kind: ErrorCode, Code: "InternalError", Message: "try again"}
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		fault Fault
		want  string // Of the tasks a and b, those whose polls are struck.
	}{
		"all calls by default":        {Fault{}, "ab"},
		"those of a region":           {Fault{Region: "ap-guangzhou"}, "ab"},
		"none of another region":      {Fault{Region: "ap-beijing"}, ""},
		"those that a function picks": {Fault{Match: func(c Call) bool { return c.TaskID == "b" }}, "b"},
		"a share of one is all":       {Fault{Share: 1}, "ab"},
		"a tiny share is none":        {Fault{Share: 1e-100}, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, _ := newTestSimulator(Config{})
			test.fault.Kind, test.fault.Code = ErrorCode, "InternalError"
			s.AddFault(test.fault)
			for _, id := range []string{"a", "b"} {
				if got := poll(t, s, id).Error.Code == "InternalError"; got != strings.Contains(test.want, id) {
					t.Errorf("%s is struck: %t", id, got)
				}
			}
		})
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	struck := func(seed uint64) string {
		var codes []byte
		s, _ := newTestSimulator(Config{Seed: seed, RequestsPerSecond: 1000})
		s.AddFault(Fault{Kind: ErrorCode, Code: "X", Share: 0.3})
		for range 1000 {
			codes = append(codes, poll(t, s, "t").Error.Code[0])
		}
		return string(codes)
	}
	first := struck(1)
	if n := strings.Count(first, "X"); n < 250 || n > 350 {
		t.Errorf("of 1000 calls %d are struck, want about 300", n)
	}
	if struck(1) != first || struck(2) == first {
		t.Error("the calls that are struck do not depend on the seed alone")
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		faults   []Fault
		unsigned bool
		code     string
		struck   Kind
		arrivals int
	}{
		"in front of the gateway nothing is verified":  {[]Fault{badGateway}, true, "", HTTPResponse, 0},
		"in front of the gateway nothing is counted":   {[]Fault{badGateway}, false, "", HTTPResponse, 0},
		"behind the gateway the signature is verified": {[]Fault{internalError}, true, "AuthFailure.InvalidAuthorization", "", 0},
		"behind the gateway the call is counted":       {[]Fault{internalError}, false, "InternalError", ErrorCode, 1},
		"the first fault strikes":                      {[]Fault{{Kind: ErrorCode, Code: "X"}, internalError}, false, "X", ErrorCode, 1},
		"a fault in front strikes before one behind":   {[]Fault{internalError, badGateway}, false, "", HTTPResponse, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, now := newTestSimulator(Config{})
			for _, f := range test.faults {
				s.AddFault(f)
			}
			r := signedRequest(*now, `{"TaskId":"t"}`, nil)
			if test.unsigned {
				r.Header.Del("Authorization")
			}
			s.ServeHTTP(httptest.NewRecorder(), r)
			arrivals := s.Stats().Accounts[testCredential.SecretID].Arrivals
			if call := s.Calls()[0]; call.Code != test.code || call.Fault != test.struck || arrivals != test.arrivals {
				t.Errorf("the call is %+v and %d arrivals are counted", call, arrivals)
			}
		})
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		config   Config
		fault    Fault
		giveUp   time.Duration
		at, took time.Duration // When the call arrived, and when it ended.
	}{
		"half of a round trip is before the arrival": {config: Config{RoundTrip: 20}, giveUp: 60, at: 10, took: 20},
		"a request given up on its way has arrived":  {config: Config{RoundTrip: 200}, giveUp: 60, at: 60, took: 60},
		"a call hangs until the client gives up":     {fault: Fault{Kind: Hang}, giveUp: 60, took: 60},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := New(test.config)
				if test.fault.Kind != "" {
					s.AddFault(test.fault)
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.giveUp)
				defer cancel()
				begin, w := time.Now(), httptest.NewRecorder()
				s.ServeHTTP(w, signedRequest(begin, "{}", nil).WithContext(ctx))
				took, at := time.Since(begin), s.Calls()[0].At.Sub(begin)
				if took != test.took || at != test.at || (w.Body.Len() == 0) != (took == test.giveUp) {
					t.Errorf("it arrived after %v and took %v, with the reply %q", at, took, w.Body)
				}
			})
		})
	}
}

// Incomplete request never arrives.
func TestIncompleteRequest(t *testing.T) {
	t.Parallel()
	s, now := newTestSimulator(Config{})
	r := signedRequest(*now, "{}", nil)
	r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	defer func() {
		if recover() != http.ErrAbortHandler || s.CountCalls() != 0 { //nolint:errorlint // net/http compares so.
			t.Errorf("it is answered; %d calls are counted", s.CountCalls())
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), r)
}
