package controllers_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv/conformance"
)

// Random specs, statuses and annotations, many of them strange, leave nothing that the operator mishandles: once they
// end, each object is decided, suspended, or says why not.
func TestStrangeObjects(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				random := rand.New(rand.NewPCG(seed, 1))
				for _, id := range []string{"r-1", "r-2", "d-1", "d-2"} {
					b.cloud.add(id, time.Duration(random.IntN(600))*time.Second)
				}
				b.operate()
				config := rest.CopyConfig(b.cluster.Config())
				config.WarningHandler = rest.NoWarnings{} // Of unknown fields.
				made, err := dynamic.NewForConfig(config)
				if err != nil {
					b.Fatal(err)
				}
				conformance.Disturb(t, "default", seed, 300, made, func(sent, got string) {
					b.Logf("%s\n%s", sent, got)
					b.wait(time.Duration(random.ExpFloat64() * 3 * float64(time.Second)))
				})
				b.wait(20 * time.Minute)
				for _, task := range b.all() {
					if wrong := mishandled(&task); wrong != "" {
						b.Errorf("%s %s: %+v\n%+v", task.Name, wrong, task.Spec, task.Status)
					}
				}
			})
		})
	}
}

// mishandled says what is wrong with an object that nobody has touched for long.
func mishandled(task *v1alpha1.CLBTask) string {
	switch phase := task.Status.Phase; {
	case phase.Final():
		return ""
	case task.Spec.Suspend != (phase == v1alpha1.PhaseSuspended):
		return "is not as suspended as its spec says"
	case task.Status.ObservedGeneration != task.Generation:
		return "was not looked at since its last change"
	case !task.Spec.Suspend && task.Spec.CredentialsSecretRef == nil:
		return "is not decided"
	default:
		return ""
	}
}
