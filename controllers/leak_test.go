package controllers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

// wire notes all secrets that cross the network.
type wire struct {
	mu      sync.Mutex
	secrets map[string]string // What each is.
	// echo refuses every call with a text that repeats the whole request.
	echo atomic.Bool
}

var issuedPattern = regexp.MustCompile(`"(WebIdentityToken|Token|TmpSecretKey)":"([^"]+)"`)

func (w *wire) note(what, secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if secret != "" {
		w.secrets[secret] = what
	}
}

func (w *wire) between(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		w.note("signature", signature)
		w.note("token", r.Header.Get("X-TC-Token"))
		answer := httptest.NewRecorder()
		if w.echo.Load() {
			answer.Header().Set("Content-Type", "application/json")
			text, _ := json.Marshal(fmt.Sprint(r.Header, string(body)))
			_, _ = fmt.Fprintf(answer, `{"Response":{"Error":{"Code":"AuthFailure.Echo","Message":%s},"RequestId":"r"}}`, text)
		} else {
			next.ServeHTTP(answer, r)
		}
		for _, text := range [][]byte{body, answer.Body.Bytes()} {
			for _, match := range issuedPattern.FindAllSubmatch(text, -1) {
				w.note(string(match[1]), string(match[2]))
			}
		}
		maps.Copy(rw.Header(), answer.Header())
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	})
}

// client reads the Secrets through the real client, whose log has whole bodies.
func (s *secretStore) client(t *testing.T) client.Reader {
	t.Helper()
	serve := roundTripper(func(r *http.Request) (*http.Response, error) {
		parts := strings.Split(r.URL.Path, "/") // "", api, v1, namespaces, NAMESPACE, secrets, NAME
		object := &corev1.Secret{}
		object.APIVersion, object.Kind = "v1", "Secret"
		if err := s.Get(r.Context(), types.NamespacedName{Namespace: parts[4], Name: parts[6]}, object); err != nil {
			return nil, err
		}
		body, err := json.Marshal(object)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))}, err
	})
	scheme := k8sruntime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	made, err := client.New(&rest.Config{Host: "http://cluster.invalid", Transport: serve, QPS: -1}, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// failures are one of each kind.
func failures() []clbsim.Fault {
	faults := []clbsim.Fault{
		{Kind: clbsim.Hang}, {Kind: clbsim.Reset}, {Kind: clbsim.HTTPResponse, StatusCode: 502}, {Kind: clbsim.HTTPResponse, StatusCode: 429},
		{Kind: clbsim.HTTPResponse, StatusCode: 200, Body: "null"}, {Kind: clbsim.HTTPResponse, StatusCode: 200, Body: `{"Response":`},
	}
	for _, code := range []string{
		"RequestLimitExceeded", "InternalError", "FailedOperation", "InvalidParameter", "InvalidParameterValue", "UnsupportedRegion", "InvalidAction",
		"AuthFailure.SignatureFailure", "AuthFailure.TokenFailure", "AuthFailure.SignatureExpire", "UnauthorizedOperation", "New.Code",
	} {
		faults = append(faults, clbsim.Fault{Kind: clbsim.ErrorCode, Code: code, Message: "no"})
	}
	return faults
}

// TestNoSecretLeaks lets each source go through success, every kind of failure, and a
// panic, at the highest level of the log.
func TestNoSecretLeaks(t *testing.T) {
	for sentence, test := range map[string]struct {
		options credentials.Options
		secret  bool
	}{
		"the environment":    {options: credentials.Options{Source: credentials.Env}},
		"a directory":        {options: credentials.Options{Source: credentials.Directory}},
		"pod identity":       {options: credentials.Options{Source: credentials.PodIdentity}},
		"a Secret":           {options: credentials.Options{Source: credentials.FromSecret}},
		"the machine's role": {options: credentials.Options{Source: credentials.CVMRole}},
		"an assumed role":    {options: credentials.Options{Source: credentials.FromSecret, AssumeRoleARN: roleARN, AssumeRoleExternalID: "external"}},
		"an object's Secret": {options: credentials.Options{Source: credentials.Env}, secret: true},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			w := &wire{secrets: map[string]string{}}
			withAccount(t, func(a *account) { a.leak(w, test.options, test.secret) }, w.between)
		})
	}
}

func (a *account) leak(w *wire, options credentials.Options, secret bool) {
	a.Helper()
	var logs lockedBuffer
	logTo(a.T, &a.settings, &logs)
	a.reader = a.secrets.client(a.T)
	key := a.add("AKIDleak", temporary(24*time.Hour))
	w.note("key", key[credentials.KeySecretKey])
	w.note("token", key[credentials.KeyToken])
	w.note("web identity token", "web-token-0")
	a.write(key)
	a.setenv(key)
	a.secrets.set("operator", "key", key)
	a.secrets.set("default", "theirs", key)
	a.trust("web-token-0")
	a.start(options)
	follow := func(id string) {
		a.follow(id, clbsim.Task{Duration: time.Minute}, func(task *v1alpha1.CLBTask) {
			if secret {
				withSecret("theirs")(task)
			}
		})
		a.wait(40 * time.Second)
		a.sim.Revoke(roleOwner) // STS is called again, too.
	}
	follow("success")
	for i, fault := range failures() {
		a.sim.AddFault(fault)
		follow(fmt.Sprint("failure-", i))
		a.sim.ClearFaults()
	}
	w.echo.Store(true)
	follow("echo")
	w.echo.Store(false)
	var once sync.Once
	a.cluster.SetFault(func(r *http.Request) error {
		if testenv.IsStatusWrite(r) {
			once.Do(func() { panic("on purpose") })
		}
		return nil
	})
	follow("panic")
	a.wait(2 * time.Minute)

	texts := map[string]string{"the log": logs.String(), "the metrics": gathered(a.T), "the goroutines": goroutines()}
	for _, task := range a.all() {
		events := a.cluster.Events(types.NamespacedName{Namespace: task.Namespace, Name: task.Name})
		text, _ := json.Marshal([]any{task, events})
		texts["the object "+task.Name] = string(text)
	}
	a.hides(w, texts)
	for _, want := range []string{"DescribeTaskStatus failed", "InternalError", "AuthFailure.Echo", "on purpose", "Task finished"} {
		if !strings.Contains(texts["the log"], want) {
			a.Errorf("the log has no %q: what should show a secret has not happened", want)
		}
	}
}

// hides checks that no text has a secret of the wire, in any form.
func (a *account) hides(w *wire, texts map[string]string) {
	a.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds, found := map[string]int{}, 0
	for secret, what := range w.secrets {
		kinds[what]++
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)), url.QueryEscape(secret)} {
			for where, text := range texts {
				if at := strings.Index(text, form); at >= 0 && found < 20 {
					found++
					a.Errorf("%s shows the %s: …%s…", where, what, text[max(at-200, 0):min(at+len(form)+50, len(text))])
				}
			}
		}
	}
	a.Logf("%v looked for in %d bytes of the log", kinds, len(texts["the log"]))
	if kinds["signature"] == 0 || kinds["token"] == 0 || kinds["key"] == 0 {
		a.Errorf("only %v crossed the network", kinds)
	}
}

// logTo lets a manager write its log to a buffer, as --zap-log-level=127 does.
func logTo(t *testing.T, settings *manager.Options, buffer io.Writer) {
	t.Helper()
	var options zap.Options
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	options.BindFlags(flags)
	if err := flags.Parse([]string{"--zap-log-level=127"}); err != nil {
		t.Fatal(err)
	}
	logger := zap.New(zap.UseFlagOptions(&options), zap.WriteTo(buffer))
	settings.Logger = logger
	// What finds no logger in its context uses the global one, which tests share.
	settings.BaseContext = func() context.Context { return log.IntoContext(context.Background(), logger) }
}

func gathered(t *testing.T) string {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(families)
}

func goroutines() string {
	dump := make([]byte, 8<<20)
	return string(dump[:runtime.Stack(dump, true)])
}

// lockedBuffer is a bytes.Buffer for several writers.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
