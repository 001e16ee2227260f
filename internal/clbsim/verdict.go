package clbsim

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers one request, after the simulated time on the network. A
// request whose client goes away on its way counts as arrived at that moment:
// what is sent cannot be called back.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := readRequest(r)
	if err != nil {
		// Half a request never arrives.
		panic(http.ErrAbortHandler)
	}
	half := s.config.RoundTrip / 2
	wait(r.Context(), half)
	v := s.decide(req)
	if !wait(r.Context(), v.hold+half) {
		return
	}
	// Clients measure the skew of their clock by this header, so it must tell
	// the simulator's time, not that of net/http.
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	v.write(w, r)
}

// wait waits for d and tells whether the client is still there.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// verdict is what becomes of a request.
type verdict struct {
	call  Call
	hold  time.Duration // How long the answer is held back.
	fault *Fault        // The one that strikes, if any, besides latency.
	body  []byte        // The answer, which the fault may spoil yet.
}

// decide settles what becomes of the request, and logs it.
func (s *Simulator) decide(req *request) *verdict {
	now := s.now()
	v := &verdict{call: req.call}
	c := &v.call
	c.At = now
	if credential, ok := s.credential(c.SecretID); ok {
		c.Account = credential.account()
	}

	var struck []string
	v.hold, struck = s.faults.latency(c, now)
	if v.fault = s.faults.first(inTransport, c, now); v.fault == nil {
		s.gateway(req, v, now)
	}
	if v.fault != nil {
		struck = append(struck, v.fault.name())
	}
	c.Fault = strings.Join(struck, "+")
	s.log.add(*c)
	return v
}

// gateway is the way from the gateway on.
func (s *Simulator) gateway(req *request, v *verdict, now time.Time) {
	c := &v.call
	if refusal := s.admit(req, c, now); refusal != nil {
		v.refuse(*refusal)
		return
	}
	v.fault = s.faults.first(behindQuota, c, now)
	if v.fault != nil && v.fault.replaces() {
		v.replace()
		return
	}
	if refusal := s.checkRegion(c); refusal != nil {
		v.refuse(*refusal)
		return
	}
	if req.refusal != nil {
		v.refuse(*req.refusal)
		return
	}
	s.answer(v, now)
}

// admit runs the checks before the API itself, up to the quota.
func (s *Simulator) admit(req *request, c *Call, now time.Time) *APIError {
	if refusal := s.checkProtocol(req); refusal != nil {
		return refusal
	}
	if refusal := s.checkSignature(req, now); refusal != nil {
		return refusal
	}
	if refusal := checkAction(req.http.Header); refusal != nil {
		return refusal
	}
	return s.checkQuota(c)
}

// answer is DescribeTaskStatus itself.
func (s *Simulator) answer(v *verdict, now time.Time) {
	t, ok := s.tasks.ask(&v.call, now)
	if !ok {
		asked := v.call.TaskID
		if asked == "" {
			asked = v.call.DealName
		}
		unknown := s.config.UnknownTask
		unknown.Message = strings.ReplaceAll(unknown.Message, "<id>", asked)
		v.refuse(unknown)
		return
	}
	status := t.statusAt(now)
	v.call.Status = &status
	v.body = taskBody(t, status, v.call.RequestID)
}

func (v *verdict) refuse(e APIError) {
	v.call.Code = e.Code
	v.body = errorBody(e, v.call.RequestID)
}
