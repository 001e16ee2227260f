package clb

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// rejectable is a source that is to be reported its rejected credentials.
type rejectable struct {
	source
	rejected *[]Credential
}

func (r rejectable) Rejected(c Credential) { *r.rejected = append(*r.rejected, c) }

func TestASourceLearnsWhichCredentialTheAPIRejects(t *testing.T) {
	old := NewCredential("unknown", "k", "")
	for sentence, test := range map[string]struct {
		fault string
		with  Credential
		want  []Credential
	}{
		"a key that is not known":      {with: old, want: []Credential{old}},
		"a token that has expired":     {fault: "AuthFailure.TokenFailure", with: pair, want: []Credential{pair}},
		"a key that may not do this":   {fault: "UnauthorizedOperation", with: pair},
		"a fault of the API's own":     {fault: "InternalError", with: pair},
		"a credential that works well": {with: pair},
	} {
		t.Run(sentence, func(t *testing.T) {
			var rejected []Credential
			api, sim := against(t, clbsim.Config{}, rejectable{fixed(test.with), &rejected})
			sim.AddTask(clbsim.Task{ID: "t"})
			if test.fault != "" {
				sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: test.fault})
			}
			_, _ = poll(t, api)
			if !slices.Equal(rejected, test.want) {
				t.Errorf("%d were reported, not %d", len(rejected), len(test.want))
			}
		})
	}
}

func TestTheErrorOfASourceThatCallsAServiceIsThatOfThePoll(t *testing.T) {
	refused := &Error{Problem: ProblemCredentialsRejected, Action: "AssumeRole", Code: "ResourceNotFound.RoleNotFound", Message: "m"}
	api, sim := against(t, clbsim.Config{}, source(func(context.Context) (Credential, error) {
		return Credential{}, fmt.Errorf("with the key of the environment: %w", refused)
	}))
	_, err := poll(t, api)
	if err == nil || *err != *refused || sim.CountCalls() != 0 {
		t.Errorf("got %v after %d calls", err, sim.CountCalls())
	}
	if text := err.Error(); text != "AssumeRole: CredentialsRejected (code ResourceNotFound.RoleNotFound): m" {
		t.Errorf("its text is %q", text)
	}
}
