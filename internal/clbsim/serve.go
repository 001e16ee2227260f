package clbsim

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxBody is the largest request of signature v3, 10 MB (page 1278/46710).
const maxBody = 10 << 20

// request is a call on its way through the simulator.
type request struct {
	http       *http.Request
	body       []byte
	parameters map[string]any // Nil if the body is no JSON object.
	signature  authorization  // Not verified yet; zero if there is none.
	signer     Credential     // Verified. It has no SecretID if the call needs no signature.
	call       Call
}

// text returns a parameter, empty if there is none.
func (r *request) text(name string) string {
	value, _ := r.parameters[name].(string)
	return value
}

// reply is what the client gets.
type reply struct {
	fault Fault  // The zero Fault if none strikes.
	body  []byte // JSON; nil if the fault strikes in front of the gateway.
}

// ServeHTTP replies to one request, after the simulated time on the network. If
// the client goes away while the request is on its way, the request arrives at
// that moment.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler) // An incomplete request never arrives.
	}
	req := &request{http: r, body: body, call: Call{
		Region:    r.Header.Get("X-TC-Region"),
		Action:    r.Header.Get("X-TC-Action"),
		Host:      r.Host,
		Client:    r.RemoteAddr,
		Language:  r.Header.Get("X-TC-Language"),
		RequestID: simulated + newUUID(),
	}}
	req.signature, _ = parseAuthorization(r.Header.Get("Authorization"))
	req.call.Service = req.signature.service
	if json.Unmarshal(body, &req.parameters) == nil {
		req.call.TaskID, req.call.DealName = req.text("TaskId"), req.text("DealName")
	}
	half := s.config.RoundTrip / 2
	wait(r.Context(), half)
	p := s.reply(req)
	if !wait(r.Context(), half) {
		return
	}
	// Clients measure the skew of their clock by this header.
	w.Header().Set("Date", s.config.Now().UTC().Format(http.TimeFormat))
	p.write(w, r)
}

// wait waits for d and reports whether the client is still there.
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

// reply determines the reply to a request that has arrived, and logs the call.
func (s *Simulator) reply(r *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.call.At = s.config.Now()
	p := reply{fault: s.strike(&r.call, true)}
	if p.fault.Kind == "" {
		response, refusal := s.respond(r, &p)
		if refusal != nil {
			r.call.Code = refusal.Code
			response = struct {
				Error     APIError
				RequestID string `json:"RequestId"`
			}{*refusal, r.call.RequestID}
		}
		body, err := json.Marshal(struct{ Response any }{response})
		if err != nil {
			panic(err) // No response has a value that JSON cannot express.
		}
		p.body = body
	}
	s.log(r.call)
	return p
}

// respond carries out the steps from the gateway on.
func (s *Simulator) respond(r *request, p *reply) (response any, refusal *APIError) {
	handle, refusal := s.admit(r)
	if refusal != nil {
		return nil, refusal
	}
	p.fault = s.strike(&r.call, false)
	if p.fault.Kind == ErrorCode {
		return nil, &APIError{p.fault.Code, p.fault.Message}
	}
	if refusal := checkRegion(&r.call); refusal != nil {
		return nil, refusal
	}
	if r.parameters == nil {
		return nil, refuse("InvalidParameter.FormatError", "The request body is not a JSON object.")
	}
	return handle(s, r)
}

// write writes the reply. It ignores errors: they mean that the client has gone
// away.
func (p *reply) write(w http.ResponseWriter, r *http.Request) {
	switch p.fault.Kind {
	case Hang:
		<-r.Context().Done()
	case Reset:
		reset(w)
	case HTTPResponse:
		p.fault.writeResponse(w)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(p.body)
	}
}

func (f Fault) writeResponse(w http.ResponseWriter) {
	body := f.Body
	if body == "" {
		w.Header().Set("Content-Type", "text/html")
		body = fmt.Sprintf("<html><body><h1>%d %s</h1></body></html>\r\n", f.StatusCode, http.StatusText(f.StatusCode))
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(f.StatusCode)
	_, _ = io.WriteString(w, body)
}

// reset closes the connection with a TCP RST.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // This is how net/http drops a connection.
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// newUUID returns a random UUID (version 4, RFC 9562), as RequestIds are.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // It never fails.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
