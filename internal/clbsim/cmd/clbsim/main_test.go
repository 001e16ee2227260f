package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clb "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const secretID, secretKey, token = "AKIDprogram", "not-a-secret", "no-token-either"

func setEnvironment(t *testing.T) {
	t.Helper()
	t.Setenv("TENCENTCLOUD_SECRET_ID", secretID)
	t.Setenv("TENCENTCLOUD_SECRET_KEY", secretKey)
	t.Setenv("TENCENTCLOUD_TOKEN", token)
}

// program is one that runs.
type program struct {
	api, admin string
	stop       func() error
}

// begin runs the program until it says where it listens.
func begin(t *testing.T, args ...string) program {
	t.Helper()
	setEnvironment(t)
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--listen", "127.0.0.1:0", "--admin-listen", "localhost:0"}, args...), writer, io.Discard)
		writer.CloseWithError(errors.Join(errors.New("the program has ended"), err))
		ended <- err
	}()
	p := program{stop: func() error { cancel(); return <-ended }}
	lines := bufio.NewReader(reader)
	for _, want := range []struct {
		prefix string
		url    *string
	}{{"listening on ", &p.api}, {"admin on ", &p.admin}} {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		url, ok := strings.CutPrefix(strings.TrimSpace(line), want.prefix)
		if !ok {
			t.Fatalf("it says %q, want %q", line, want.prefix)
		}
		*want.url = url
	}
	return p
}

// control sends a request to the control API.
func (p program) control(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// describe asks the simulated API with the real SDK.
func (p program) describe(t *testing.T, taskID string, roots *x509.CertPool) (*clb.DescribeTaskStatusResponseParams, error) {
	t.Helper()
	scheme, host, _ := strings.Cut(p.api, "://")
	client, err := clb.NewClient(common.NewTokenCredential(secretID, secretKey, token), "ap-guangzhou", profile.NewClientProfile())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client.WithHttpTransport(transport)
	request := clb.NewDescribeTaskStatusRequest()
	request.TaskId = &taskID
	request.SetScheme(scheme)
	request.SetDomain(host)
	response, err := client.DescribeTaskStatusWithContext(t.Context(), request)
	if err != nil {
		return nil, err
	}
	return response.Response, nil
}

func TestProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tasks.json")
	writeFile(t, file, `[{"id": "from-file", "duration": "1h", "created": "2020-01-01T00:00:00Z", "outcome": "Failed", "message": "no quota"}]`)
	p := begin(t, "--tasks", file)

	got, err := p.describe(t, "from-file", nil)
	if err != nil || *got.Status != 1 || *got.Message != "no quota" {
		t.Errorf("the task of the file: %+v, %v", got, err)
	}
	if status, answer := p.control(t, "POST", "/tasks", `{"id": "posted", "loadBalancerIDs": ["lb-1"]}`); status != 201 || !strings.Contains(answer, `"end"`) {
		t.Errorf("POST /tasks: %d %s", status, answer)
	}
	if got, err := p.describe(t, "posted", nil); err != nil || *got.Status != 0 || *got.LoadBalancerIds[0] != "lb-1" {
		t.Errorf("the task posted: %+v, %v", got, err)
	}
	if status, answer := p.control(t, "POST", "/faults", `{"kind": "ErrorCode", "code": "InternalError", "count": 1}`); status != 204 {
		t.Errorf("POST /faults: %d %s", status, answer)
	}
	if _, err := p.describe(t, "posted", nil); err == nil || !strings.Contains(err.Error(), "InternalError") {
		t.Errorf("with a fault the SDK says %v", err)
	}

	var calls []clbsim.Call
	_, answer := p.control(t, "GET", "/calls?task=posted", "")
	if err := json.Unmarshal([]byte(answer), &calls); err != nil || len(calls) != 2 || calls[1].Code != "InternalError" || *calls[0].Status != 0 {
		t.Errorf("GET /calls?task=posted: %s (%v)", answer, err)
	}
	var stats clbsim.Stats
	_, answer = p.control(t, "GET", "/stats", "")
	if err := json.Unmarshal([]byte(answer), &stats); err != nil || stats.Calls != 3 || stats.Accounts[secretID].Arrivals != 3 {
		t.Errorf("GET /stats: %s (%v)", answer, err)
	}
	for _, secret := range []string{secretKey, token} {
		if _, answer := p.control(t, "GET", "/calls", ""); strings.Contains(answer, secret) {
			t.Errorf("a secret is told: %s", answer)
		}
	}
	if err := p.stop(); err != nil {
		t.Errorf("the program ends with %v", err)
	}
}

func TestProgramWithTLSAndTheClockOfDemos(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	p := begin(t, "--tls", "--ca-file", file, "--tls-names", "clb.example.com,192.0.2.1", "--task-clock", "first-seen",
		"--requests-per-second", "2", "--window", "fixed", "--seed", "7", "--round-trip", "1ms")
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) || !strings.HasPrefix(p.api, "https://") {
		t.Fatalf("the CA file is %q, the URL %s", pem, p.api)
	}
	p.control(t, "POST", "/tasks", `[{"id": "t", "duration": "1h"}]`)
	if _, answer := p.control(t, "GET", "/tasks", ""); strings.Contains(answer, "created") {
		t.Errorf("the clock has begun: %s", answer)
	}
	if got, err := p.describe(t, "t", roots); err != nil || *got.Status != 2 {
		t.Errorf("the task: %+v, %v", got, err)
	}
	if _, answer := p.control(t, "GET", "/tasks", ""); !strings.Contains(answer, "created") {
		t.Errorf("the clock has not begun: %s", answer)
	}
	if err := p.stop(); err != nil {
		t.Errorf("the program ends with %v", err)
	}
}

func TestWrongFlags(t *testing.T) {
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong.json")
	writeFile(t, wrong, `[{"id": 1}]`)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free := []string{"--listen", "127.0.0.1:0"}

	tests := map[string]struct {
		args []string
		want string
		code int
	}{
		"an unknown flag":            {[]string{"--secret-key", "k"}, "secret-key", 2},
		"an argument":                {[]string{"serve"}, `"serve"`, 2},
		"a quota of nothing":         {[]string{"--requests-per-second", "0"}, "--requests-per-second", 2},
		"a quota that is no number":  {[]string{"--requests-per-second", "many"}, "requests-per-second", 2},
		"a negative round trip":      {[]string{"--round-trip", "-1s"}, "--round-trip", 2},
		"an unknown window":          {[]string{"--window", "open"}, "sliding", 2},
		"an unknown clock":           {[]string{"--task-clock", "noon"}, "first-seen", 2},
		"TLS without a CA file":      {[]string{"--tls"}, "--ca-file", 2},
		"a CA file without TLS":      {[]string{"--ca-file", "x"}, "--tls", 2},
		"no port":                    {[]string{"--listen", "127.0.0.1"}, "--listen", 2},
		"all addresses":              {[]string{"--listen", ":9443"}, "--allow-non-loopback", 2},
		"the address of a machine":   {[]string{"--listen", "192.0.2.1:9443"}, "--allow-non-loopback", 2},
		"a name of a machine":        {[]string{"--listen", "example.com:9443"}, "--allow-non-loopback", 2},
		"control from outside":       {[]string{"--admin-listen", "0.0.0.0:0"}, "--allow-non-loopback", 2},
		"an address that is taken":   {[]string{"--listen", taken.Addr().String()}, "listening on", 1},
		"TLS there":                  {[]string{"--listen", taken.Addr().String(), "--tls", "--ca-file", filepath.Join(dir, "ca")}, "listening on", 1},
		"control there":              {append(free, "--admin-listen", taken.Addr().String()), "--admin-listen", 1},
		"no such file of tasks":      {append(free, "--tasks", filepath.Join(dir, "none")), "--tasks", 1},
		"a wrong file of tasks":      {append(free, "--tasks", wrong), "wrong.json", 1},
		"a CA file in no such place": {append(free, "--tls", "--ca-file", filepath.Join(dir, "none", "ca")), "--ca-file", 1},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			setEnvironment(t)
			var stdout bytes.Buffer
			err := run(t.Context(), test.args, &stdout, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v, want one line with %q", err, test.want)
			}
			if got := exitCode(err); got != test.code {
				t.Errorf("the exit code is %d, want %d", got, test.code)
			}
			if stdout.Len() > 0 {
				t.Errorf("it says %q", &stdout)
			}
		})
	}
}

func TestCredentialsComeFromTheEnvironment(t *testing.T) {
	for _, name := range []string{"TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"} {
		t.Run("without "+name, func(t *testing.T) {
			setEnvironment(t)
			t.Setenv(name, "")
			if err := run(t.Context(), nil, io.Discard, io.Discard); exitCode(err) != 2 || !strings.Contains(err.Error(), name) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var usage bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, io.Discard, &usage); err != nil || exitCode(err) != 0 {
		t.Errorf("the error is %v", err)
	}
	for _, flag := range []string{"-listen", "-admin-listen", "-tasks", "-task-clock", "-tls-names", "-allow-non-loopback"} {
		if !strings.Contains(usage.String(), flag) {
			t.Errorf("the usage does not tell of %s:\n%s", flag, &usage)
		}
	}
}

func TestNobodyListensToWhatItSays(t *testing.T) {
	setEnvironment(t)
	reader, writer := io.Pipe()
	_ = reader.Close()
	if err := run(t.Context(), []string{"--listen", "127.0.0.1:0"}, writer, io.Discard); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the error is %v", err)
	}
}

func TestNonLoopbackCanBeAllowed(t *testing.T) {
	setEnvironment(t)
	o, err := parseOptions([]string{"--listen", ":9443", "--admin-listen", "0.0.0.0:9444", "--allow-non-loopback"}, io.Discard)
	if err != nil || o.listen != ":9443" || o.adminListen != "0.0.0.0:9444" {
		t.Errorf("parsed as %+v, %v", o, err)
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
