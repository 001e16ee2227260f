package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

func withSecret(name string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) {
		task.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: name}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]func(b *bubble){
		"the key of the Secret polls, and what another account is answered does not count": func(b *bubble) {
			b.cloud.fault = func(q clb.TaskQuery) *clb.Error {
				if q.Credentials != nil && q.Credentials.Account() == "default/theirs" {
					return nil
				}
				return problem(clb.ProblemTaskNotFound)
			}
			b.operate()
			b.cloud.add("request", 0)
			b.apply("own", ofRequest)
			b.apply("theirs", ofRequest, withSecret("theirs"))
			b.apply("third", ofRequest, withSecret("third"))
			b.wait(10 * time.Second)
			b.reads("theirs", matrix.Succeeded)
			for _, name := range []string{"own", "third"} {
				if phase := b.get(name).Status.Phase; phase != v1alpha1.PhasePending {
					b.Errorf("%s is %s", name, phase)
				}
			}
		},
		"another Secret polls when the reference changes": func(b *bubble) {
			b.cloud.fault = func(q clb.TaskQuery) *clb.Error {
				if q.Credentials == nil || q.Credentials.Account() != "default/right" {
					return problem(clb.ProblemCredentialsRejected)
				}
				return nil
			}
			b.operate()
			b.cloud.add("task", 0)
			b.apply("task", withSecret("wrong"))
			b.wait(time.Minute)
			b.reads("task", matrix.PendingWith(clb.ProblemCredentialsRejected))
			b.change("task", withSecret("right"))
			b.wait(time.Second)
			b.reads("task", matrix.Succeeded)
		},
		"each account has a quota of its own": func(b *bubble) {
			b.operate(func(o *controllers.Options) { o.Slots = 1 })
			for i := range 5 {
				b.cloud.add(fmt.Sprint("task-", i), 0)
				b.apply(fmt.Sprint("task-", i), withSecret(fmt.Sprint("secret-", i)))
			}
			b.wait(2 * time.Second) // One slot of one account would take five.
			for i := range 5 {
				b.reads(fmt.Sprint("task-", i), matrix.Succeeded)
			}
		},
		"a key whose account gets another name has one quota all the while, also for the tasks that come then": func(b *bubble) {
			const slots = 10
			b.operate(func(o *controllers.Options) { o.Slots = slots })
			b.goOn(slots)
			for round, name := range []string{"100/200", "account", "100/200"} {
				b.wait(30 * time.Second)
				b.cloud.mu.Lock()
				b.cloud.account = name
				b.cloud.mu.Unlock()
				for i := range slots {
					id := fmt.Sprint("later-", round, "-", i)
					b.cloud.add(id, time.Minute)
					b.apply(id)
					b.wait(10 * time.Millisecond)
				}
			}
			b.wait(2 * time.Minute)
			for _, task := range b.all() {
				if !strings.HasPrefix(task.Name, "task-") {
					b.reads(task.Name, matrix.Succeeded)
				}
			}
			polls := b.cloud.polled("")
			for i := slots; i < len(polls); i++ {
				if took := polls[i].at.Sub(polls[i-slots].at); took < time.Second {
					b.Errorf("%d polls came within %v, the last at %v", slots+1, took, polls[i].at)
				}
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) { inBubble(t, test) })
	}
}

// refusing is a reader whose every Get fails.
type refusing struct {
	client.Reader
	err error
}

func (r refusing) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.err
}

func TestSecretReader(t *testing.T) {
	secrets := schema.GroupResource{Resource: corev1.ResourceSecrets.String()}
	for sentence, test := range map[string]struct {
		err     error
		missing bool
		want    string
	}{
		"a Secret that is not there is to be created": {apierrors.NewNotFound(secrets, "key"), true, "create it in namespace shop with the keys secretId and secretKey"},
		"one that may not be read is to be granted":   {apierrors.NewForbidden(secrets, "key", nil), true, "bind the ClusterRole clbtask-credentials-reader to the operator's ServiceAccount in namespace shop"},
		"an API server that is away says nothing":     {errors.New("connection refused"), false, "connection refused"},
	} {
		t.Run(sentence, func(t *testing.T) {
			sources, err := controllers.SourcesOf(refusing{err: test.err}, credentials.NewIdentities(nil, ""))
			if err != nil {
				t.Fatal(err)
			}
			source := sources(types.NamespacedName{Namespace: "shop", Name: "key"})
			_, err = source.Credential(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "shop/key") || errors.Is(err, clb.ErrNoCredentials) != test.missing {
				t.Errorf("it says: %v", err)
			}
			if again := sources(types.NamespacedName{Namespace: "shop", Name: "key"}); again != source {
				t.Error("the same Secret has two sources")
			}
		})
	}
}
