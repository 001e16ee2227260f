package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

// failure is a problem as the page shows it.
type failure struct {
	constant
	About     string
	Intervene bool
	Codes     string // In Markdown.
	Message   string // While polls go on.
	Final     string // Once they have ended; empty if the problem ends none.
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
	all, codes := constants(definitions, "Problem"), codes(tables)
	for _, reason := range reasons {
		if !slices.ContainsFunc(all, func(c constant) bool { return c.Name == reason.Name }) {
			continue
		}
		f, p := failure{constant: reason, Codes: strings.Join(codes[reason.Name], ", ")}, clb.Problem(reason.Name)
		f.About = map[lifecycle.Subject]string{
			lifecycle.AboutRequest: "this request", lifecycle.AboutEndpoint: "the API in the region",
			lifecycle.AboutAccount: "the account", lifecycle.AboutQuota: "the account's quota",
		}[lifecycle.About(p)]
		f.Intervene = lifecycle.NeedsIntervention(p)
		f.Message, f.Final = messages(p, codes[reason.Name])
		found = append(found, f)
	}
	if len(found) != len(all) || len(found) == 0 {
		return nil, fmt.Errorf("%d of %d problems have a reason", len(found), len(all))
	}
	return found, nil
}

// codes returns the codes of each problem, from the tables that classify them: exact codes
// first, then families.
func codes(file *ast.File) map[string][]string {
	found, exact := map[string][]string{}, map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
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
	})
	return found
}

// messages returns what the conditions of a task say of a problem that lasts: while polls
// go on and, if they end, then.
func messages(p clb.Problem, codes []string) (ongoing, final string) {
	code := "Code"
	if len(codes) > 0 {
		code = strings.Split(codes[0], "`")[1]
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Generation: 1, CreationTimestamp: metav1.NewTime(now)},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "6afc8d27-6fd5-4b3b-9b5e-2c9cd7b5c0a1", Region: "ap-guangzhou"},
	}
	failed := lifecycle.Observation{Err: &clb.Error{
		Problem: p, Code: code, Account: "100000000001", Source: "the Secret clbtask-system/clbtask-operator-credentials",
		RequestID: "4fd1c6f2-0d3b-4a5e-8d3f-3a1f0f4f7c11", Skew: 12 * time.Minute, Message: "…",
	}}
	history, health := lifecycle.History{Begun: now}, lifecycle.Health{}
	for range 60 {
		health = health.Observe(failed, now)
		history = history.Observe(failed, health, now)
		status := lifecycle.Policy{NotFoundGrace: 2 * time.Minute}.Decide(task, history, health, now).Status
		task.Status = status
		if ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); ready != nil {
			if status.Phase.Final() {
				return ongoing, ready.Message
			}
			ongoing = ready.Message
		}
		now = now.Add(5 * time.Second)
	}
	return ongoing, ""
}
