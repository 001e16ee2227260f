package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"net"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

// failure is a problem as the page shows it.
type failure struct {
	constant
	About     string
	Does      string // What the operator does.
	Intervene bool
	Codes     string // In Markdown.
	Messages  []message
	Final     string // What is said once polls have ended; empty if the problem ends none.
	Grace     bool   // The problem ends none of a new object.
}

// message is what conditions say while polls go on, and of what.
type message struct{ Of, Text string }

// subjects say of what a problem is, and what slows down.
var subjects = map[lifecycle.Subject][2]string{
	lifecycle.AboutRequest:  {"this request", "polls it less often, down to once in 30 s"},
	lifecycle.AboutEndpoint: {"the API in the region", "polls the region less often, down to once a second"},
	lifecycle.AboutAccount:  {"the account", "polls with that key less often, down to one in 8 s for each namespace and region"},
	lifecycle.AboutQuota:    {"the account's quota", "makes about half as many calls a second, and more again while none is refused"},
}

// example returns a code and a message of the API, empty for the usual ones, and a code of
// STS that is the problem for a poll, empty if there is none.
func example(p clb.Problem) (code, message, sts string) {
	switch p {
	case clb.ProblemAPIUnavailable:
		return "", "", "InternalError"
	case clb.ProblemAPIUnreachable:
		return "ClientError.Timeout", "", "ClientError.Timeout"
	case clb.ProblemCertificateUntrusted:
		return "", "", "ClientError.Certificate"
	case clb.ProblemCredentialsRejected:
		return "AuthFailure.SecretIdNotFound", "", "InvalidParameter.WebIdentityTokenError"
	case clb.ProblemInvalidRequest:
		return "", "The value of TaskId is malformed.", ""
	default:
		return "", "", ""
	}
}

// problems returns every problem of package clb, in the order of their reasons.
func problems(reasons []constant) (found []failure, err error) {
	definitions, err := parse("internal/clb/errors.go")
	if err != nil {
		return nil, err
	}
	tables, err := parse("internal/clb/codes.go")
	if err != nil {
		return nil, err
	}
	all, codes := constants(definitions, "Problem"), codes(tables, definitions)
	for _, reason := range reasons {
		if !slices.ContainsFunc(all, func(c constant) bool { return c.Name == reason.Name }) {
			continue
		}
		f, p := failure{constant: reason, Codes: strings.Join(codes[reason.Name], ", ")}, clb.Problem(reason.Name)
		f.About, f.Does, f.Intervene = subjects[lifecycle.About(p)][0], subjects[lifecycle.About(p)][1], lifecycle.NeedsIntervention(p)
		if f.Codes == "" {
			return nil, fmt.Errorf("no code of %s is in the tables: the code has moved", p)
		}
		if err := f.exemplify(p); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	if len(found) != len(all) || len(found) == 0 {
		return nil, fmt.Errorf("%d of %d problems have a reason", len(found), len(all))
	}
	return found, nil
}

// codes returns the codes of each problem, from the tables that classify them: exact codes
// first, then families, then the operator's own.
func codes(files ...*ast.File) map[string][]string {
	found, exact := map[string][]string{}, map[string]bool{}
	read := func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasSuffix(spec.Names[0].Name, "Codes") {
			return true
		}
		for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
			entry := element.(*ast.KeyValueExpr)
			info := entry.Value.(*ast.CompositeLit).Elts[0].(*ast.KeyValueExpr).Value.(*ast.Ident)
			problem := strings.TrimPrefix(info.Name, "Problem")
			code := literal(entry.Key)
			if exact[code] { // By itself it means something else.
				code += ".*"
			}
			exact[code] = true
			found[problem] = append(found[problem], "`"+code+"`")
		}
		return true
	}
	for _, file := range files {
		ast.Inspect(file, read)
	}
	return found
}

// exemplify fills in what conditions say.
func (f *failure) exemplify(p clb.Problem) error {
	if p == clb.ProblemCredentialsMissing {
		return f.exemplifySources()
	}
	code, text, sts := example(p)
	e := clb.Error{
		Problem: p, Account: "100000000001/200000000002", Source: "Secret clbtask-operator-credentials",
		RequestID: "4fd1c6f2-0d3b-4a5e-8d3f-3a1f0f4f7c11", Skew: 12 * time.Minute, Message: text,
		Code: cmp.Or(code, strings.Trim(strings.Split(f.Codes, ",")[0], "`")),
	}
	f.Messages = []message{{Text: f.tell(&e)}}
	if sts != "" {
		e.Action, e.Code, e.Source = "AssumeRoleWithWebIdentity", sts, "role qcs::cam::uin/100000000001:roleName/clbtask"
		f.Messages = append(f.Messages, message{"If it is a call of STS", f.tell(&e)})
	}
	return nil
}

// exemplifySources asks each source for a key that is not there.
func (f *failure) exemplifySources() error {
	nowhere := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
	secret := types.NamespacedName{Namespace: "clbtask-system", Name: "clbtask-operator-credentials"}
	for _, name := range []string{credentials.Env, credentials.Directory, credentials.PodIdentity, credentials.FromSecret, credentials.CVMRole} {
		options := credentials.Options{
			Source: name, SecretName: secret.Name, Dial: nowhere, Getenv: func(string) string { return "" },
			GetSecret: controllers.SecretReader(noSecrets{}, secret, ""),
		}
		if name == credentials.Directory {
			options.Directory = "/credentials"
		}
		source, err := credentials.New(options, clb.NewSTS(clb.Endpoints{}))
		if err != nil {
			return err
		}
		_, err = source.Credential(context.Background())
		if !errors.Is(err, clb.ErrNoCredentials) {
			return fmt.Errorf("the source %s has a key, or fails with another error: %w", name, err)
		}
		f.Messages = append(f.Messages, message{"With `--credentials=" + name + "`", f.tell(&clb.Error{Problem: clb.ProblemCredentialsMissing, Message: err.Error()})})
	}
	return nil
}

// noSecrets is a cluster without Secrets.
type noSecrets struct{ client.Reader }

// Get implements client.Reader.
func (noSecrets) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

// tell returns what the conditions of a task say of a failure that lasts while polls go on,
// and notes how they end.
func (f *failure) tell(failed *clb.Error) (ongoing string) {
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Generation: 1, CreationTimestamp: metav1.NewTime(begun)},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "6afc8d27-6fd5-4b3b-9b5e-2c9cd7b5c0a1", Region: "ap-guangzhou"},
	}
	const grace = 2 * time.Minute // The flag's default.
	history, health := lifecycle.History{Begun: begun}, lifecycle.Health{}
	for now := begun; now.Sub(begun) < 2*grace; now = now.Add(5 * time.Second) {
		health = health.Observe(lifecycle.Observation{Err: failed}, now)
		history = history.Observe(lifecycle.Observation{Err: failed}, health, now)
		task.Status = lifecycle.Policy{NotFoundGrace: grace}.Decide(task, history, health, now).Status
		ready := meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionReady)
		switch {
		case ready == nil:
		case task.Status.Phase.Final():
			f.Final, f.Grace = ready.Message, now.Sub(begun) >= grace
			return ongoing
		default:
			ongoing = ready.Message
		}
	}
	return ongoing
}
