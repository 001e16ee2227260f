package testenv_test

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv"
	"github.com/clbtask/clbtask-operator/internal/testenv/conformance"
)

// TestConformance of test/e2e checks the same of a real server.
func TestConformance(t *testing.T) {
	conformance.Run(t, testenv.New(t).Client(), func(*testing.T, string) {})
}

// What the cluster does not have is refused.
func TestNotSupported(t *testing.T) {
	for name, test := range map[string]struct {
		write func(context.Context, client.Client, *v1alpha1.CLBTask) error
		fails func(error) bool
	}{
		"JSON patches are unsupported": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return c.Patch(ctx, task, client.RawPatch(types.JSONPatchType, []byte(`[]`)))
			},
			fails: apierrors.IsUnsupportedMediaType,
		},
		"other resources are missing": {
			write: func(ctx context.Context, c client.Client, _ *v1alpha1.CLBTask) error {
				return c.SubResource("scale").Get(ctx, newTask("task"), newTask("task"))
			},
			fails: apierrors.IsNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := testenv.New(t)
			if err := test.write(t.Context(), cluster.Client(), create(t, cluster, "task")); !test.fails(err) {
				t.Errorf("error is %v", err)
			}
		})
	}
}
