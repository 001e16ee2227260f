package clb

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

const answerFrame = `{"Response":{"Status":0,"RequestId":"r","Message":""}}`

// padded is a whole answer of so many bytes.
func padded(size int) []byte {
	return []byte(strings.Replace(answerFrame, `"Message":""`, `"Message":"`+strings.Repeat("x", size-len(answerFrame))+`"`, 1))
}

func gzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	return written(t, body, func(to io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(to, gzip.BestSpeed) })
}

func deflated(t *testing.T, body []byte) []byte {
	t.Helper()
	return written(t, body, func(to io.Writer) (io.WriteCloser, error) { return flate.NewWriter(to, flate.BestSpeed) })
}

func written(t *testing.T, body []byte, through func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var encoded bytes.Buffer
	w, err := through(&encoded)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

// TestABombIsRefusedBeforeItIsInflated: the SDK inflates what it is given, to
// any size and past the time-out.
func TestABombIsRefusedBeforeItIsInflated(t *testing.T) {
	bomb := padded(8 * maxBodyBytes)
	for encoding, body := range map[string][]byte{"gzip": gzipped(t, bomb), "deflate": deflated(t, bomb)} {
		t.Run(encoding, func(t *testing.T) {
			if len(body) >= maxBodyBytes {
				t.Fatalf("the bomb has %d bytes on the wire: the bound on bodies would refuse it", len(body))
			}
			api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", encoding)
				_, _ = w.Write(body)
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			status, err := poll(t, api)
			runtime.ReadMemStats(&after)
			if err == nil || err.Problem != ProblemAPIUnreachable || !strings.Contains(err.Message, encoding) {
				t.Errorf("got a status of %d bytes, %v", len(status.Message), err)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
				t.Errorf("it cost %d KiB", allocated>>10)
			}
		})
	}
}

func TestContentEncodings(t *testing.T) {
	plain := padded(200)
	for sentence, test := range map[string]struct {
		headers []string
		body    []byte
		refused string
	}{
		"none at all":                        {body: plain},
		"an empty header":                    {headers: []string{""}, body: plain},
		"identity, which encodes nothing":    {headers: []string{"identity"}, body: plain},
		"identity in other letters":          {headers: []string{"Identity"}, body: plain},
		"identity twice":                     {headers: []string{"identity, identity"}, body: plain},
		"gzip":                               {headers: []string{"gzip"}, body: gzipped(t, plain), refused: `"gzip"`},
		"deflate":                            {headers: []string{"deflate"}, body: deflated(t, plain), refused: `"deflate"`},
		"gzip in other letters":              {headers: []string{"GZip"}, body: gzipped(t, plain), refused: `"GZip"`},
		"gzip by its old name":               {headers: []string{"x-gzip"}, body: gzipped(t, plain), refused: `"x-gzip"`},
		"gzip, said of what is not":          {headers: []string{"gzip"}, body: plain, refused: `"gzip"`},
		"an encoding that the SDK lacks":     {headers: []string{"zstd"}, body: plain, refused: `"zstd"`},
		"gzip within gzip":                   {headers: []string{"gzip, gzip"}, body: gzipped(t, gzipped(t, plain)), refused: `"gzip, gzip"`},
		"identity and gzip in one header":    {headers: []string{"identity, gzip"}, body: gzipped(t, plain), refused: `"identity, gzip"`},
		"gzip in a second header":            {headers: []string{"identity", "gzip"}, body: gzipped(t, plain), refused: `"gzip"`},
		"gzip after an empty header":         {headers: []string{"", "gzip"}, body: gzipped(t, plain), refused: `"gzip"`},
		"a name of any length, of no effect": {headers: []string{strings.Repeat("x", 30_000)}, body: plain, refused: `"xxx`},
	} {
		t.Run(sentence, func(t *testing.T) {
			api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header()["Content-Encoding"] = test.headers
				_, _ = w.Write(test.body)
			})
			status, err := poll(t, api)
			switch {
			case test.refused == "" && (err != nil || status.State != Succeeded || status.RequestID != "r"):
				t.Errorf("got %+v, %v", status, err)
			case test.refused != "" && (err == nil || err.Problem != ProblemAPIUnreachable || !strings.Contains(err.Message, test.refused) || len(err.Message) > maxMessageBytes):
				t.Errorf("got %+v, %.1000v", status, err)
			}
		})
	}
}

func TestTransferEncodings(t *testing.T) {
	for sentence, test := range map[string]struct {
		raw    string
		answer bool
	}{
		"chunks are joined":             {"Transfer-Encoding: chunked\r\n\r\n2d\r\n" + `{"Response":{"Status":0,"RequestId":"chunked"` + "\r\n2\r\n}}\r\n0\r\n\r\n", true},
		"gzip within chunks is refused": {"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false},
		"gzip alone is refused":         {"Transfer-Encoding: gzip\r\n\r\n", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+test.raw)
				_ = conn.Close()
			})
			status, err := poll(t, api)
			if test.answer != (err == nil && status.RequestID == "chunked") {
				t.Errorf("got %+v, %v", status, err)
			}
			if err != nil && err.Problem != ProblemAPIUnreachable {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestABodyOfJustTheBoundPassesAndOneMoreByteDoesNot(t *testing.T) {
	for size, whole := range map[int]bool{maxBodyBytes - 1: true, maxBodyBytes: true, maxBodyBytes + 1: false} {
		body := padded(size)
		api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		})
		if _, err := poll(t, api); (err == nil) != whole {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestHeadersAreBounded(t *testing.T) {
	api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Padding", strings.Repeat("x", 1<<20))
		_, _ = w.Write(padded(200))
	})
	if _, err := poll(t, api); err == nil || err.Problem != ProblemAPIUnreachable {
		t.Errorf("got %v", err)
	}
}
