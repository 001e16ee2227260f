package e2e

import (
	"flag"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/clbtask/clbtask-operator/internal/testenv"
	"github.com/clbtask/clbtask-operator/internal/testenv/conformance"
)

var (
	compareSeed     = flag.Uint64("compare.seed", 0, "the seed of the random requests to the API servers")
	compareRequests = flag.Int("compare.requests", 500, "how many there are")
)

// The API server in memory, on which the tests in virtual time rest, does what the real one does.
func TestConformance(t *testing.T) {
	t.Run("the table", func(t *testing.T) {
		conformance.Run(t, cluster.Client, func(t *testing.T, name string) {
			t.Helper()
			if err := cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("random requests", func(t *testing.T) {
		namespace := fmt.Sprint("compare-", *compareSeed)
		if err := cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
		client := func(config *rest.Config) dynamic.Interface {
			config = rest.CopyConfig(config)
			config.WarningHandler = rest.NoWarnings{} // Of unknown fields.
			made, err := dynamic.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		conformance.Compare(t, namespace, *compareSeed, *compareRequests, client(testenv.New(t).Config()), client(cluster.Config))
	})
}
