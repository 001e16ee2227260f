package clbsim

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
)

// describeTaskStatus is the answer of that call; the API writes what it does
// not have as null.
type describeTaskStatus struct {
	Status          *int64
	LoadBalancerIDs []string `json:"LoadBalancerIds"`
	Message         *string
	RequestID       string `json:"RequestId"`
}

type errorAnswer struct {
	Error     APIError
	RequestID string `json:"RequestId"`
}

func taskBody(t Task, status int, requestID string) []byte {
	status64 := int64(status)
	answer := describeTaskStatus{Status: &status64, RequestID: requestID}
	if status != statusRunning && t.Message != "" {
		answer.Message = &t.Message
	}
	if status == statusSucceeded && len(t.LoadBalancerIDs) > 0 {
		answer.LoadBalancerIDs = t.LoadBalancerIDs
	}
	return envelope(answer)
}

func errorBody(e APIError, requestID string) []byte {
	return envelope(errorAnswer{Error: e, RequestID: requestID})
}

func envelope(response any) []byte {
	body, err := json.Marshal(struct{ Response any }{response})
	if err != nil {
		// The answers hold nothing that JSON cannot say.
		panic(err)
	}
	return body
}

// replaces tells whether the fault's answer stands instead of the true one,
// which then need not be found out.
func (f *Fault) replaces() bool {
	switch f.Kind {
	case ShortBody, HugeBody, WrongContentType:
		return false
	default:
		return true
	}
}

func (v *verdict) replace() {
	switch f, requestID := v.fault, v.call.RequestID; f.Kind {
	case BrokenBody:
		// A reader that takes what it can get would see a success.
		v.body = []byte(`{"Response":{"Status":0,"RequestId":` + requestID)
	case NullBody:
		v.body = []byte("null")
	case EmptyObject:
		v.body = []byte("{}")
	case NullStatus:
		v.body = envelope(describeTaskStatus{RequestID: requestID})
	case UnknownStatus:
		v.body = envelope(describeTaskStatus{Status: &f.Value, RequestID: requestID})
	case ErrorCode:
		v.refuse(APIError{Code: f.Code, Message: f.Message})
	}
}

// write sends the answer, or whatever the fault makes of it.
func (v *verdict) write(w http.ResponseWriter, r *http.Request) {
	var kind Kind
	if v.fault != nil {
		kind = v.fault.Kind
	}
	switch kind {
	case Hang:
		<-r.Context().Done()
	case Reset:
		reset(w)
	case HTTPStatus:
		writePage(w, v.fault)
	case ShortBody:
		half := v.body[:len(v.body)/2]
		length := len(half)
		if v.fault.ClaimWhole {
			// net/http closes the connection of an answer that is too short.
			length = len(v.body)
		}
		writeBody(w, "application/json", length, half)
	case HugeBody:
		writePadded(w, v.body, v.fault.MiB)
	case WrongContentType:
		writeBody(w, "text/event-stream", len(v.body), v.body)
	default:
		writeBody(w, "application/json", len(v.body), v.body)
	}
}

// writeBody, as all that follow, does not look at the error of a write: it is
// the client's going away, of which nobody is left to be told.
func writeBody(w http.ResponseWriter, contentType string, length int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(length))
	_, _ = w.Write(body)
}

// writePage answers as a proxy in front of the gateway does.
func writePage(w http.ResponseWriter, f *Fault) {
	for name, value := range map[string]string{"Location": f.Location, "Retry-After": f.RetryAfter} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(f.StatusCode)
	title := fmt.Sprintf("%d %s", f.StatusCode, http.StatusText(f.StatusCode))
	_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%[1]s</title></head>\r\n<body>\r\n<center><h1>%[1]s</h1></center>\r\n</body>\r\n</html>\r\n", title)
}

// writePadded sends the answer with one more field, of that many mebibytes,
// without ever holding them.
func writePadded(w http.ResponseWriter, body []byte, mebibytes int) {
	w.Header().Set("Content-Type", "application/json")
	head, end := slices.Concat(body[:len(body)-2], []byte(`,"Padding":"`)), []byte(`"}}`)
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+mebibytes<<20+len(end)))
	if _, err := w.Write(head); err != nil {
		return
	}
	mebibyte := bytes.Repeat([]byte("x"), 1<<20)
	for range mebibytes {
		if _, err := w.Write(mebibyte); err != nil {
			return
		}
	}
	_, _ = w.Write(end)
}

// reset closes the connection without an answer, and without the goodbyes of
// TLS and TCP where there are such.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// net/http's own way of dropping a connection.
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Closing then sends RST at once.
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
