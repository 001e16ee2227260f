package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// The least rights that docs/plugin.md names suffice; without them it says what is missing.
func TestRights(t *testing.T) {
	t.Parallel()
	user := func(name string) string {
		content, err := cluster.KubeconfigOf(name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return "KUBECONFIG=" + file
	}
	nobody, ci := user("nobody"), user("ci")
	create(t, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ci"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"clbtasks"}, Verbs: []string{"create", "get", "list", "watch"}}},
	})
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ci"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "ci"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "ci"}},
	})
	for command, verb := range map[string]string{
		"list": "list", "wait --all": "list", "wait a": "list", "describe a": "get", "track a --region ap-guangzhou --wait": "create",
	} {
		code, stdout, stderr := sh("kubectl clbtask "+command, nobody)
		want := fmt.Sprintf(`User "nobody" cannot %s resource "clbtasks"`, verb)
		if code != 3 || stdout != "" || !strings.HasPrefix(stderr, "error: clbtasks.clb.tencentcloud.com") || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d\n%s%s", command, code, stdout, stderr)
		}
	}
	cloud.AddTask(clbsim.Task{ID: "rights"})
	if code, stdout, stderr := sh(line, ci, "TCCLI_PRINTS=rights"); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := sh(line+" -n other", ci, "TCCLI_PRINTS=rights"); code != 3 || !strings.Contains(stderr, `cannot create resource "clbtasks"`) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := cluster.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// A task that reads Unknown is taken up again, and the plugin waits for the new verdict.
func TestRetry(t *testing.T) {
	t.Parallel()
	if code, stdout, stderr := sh("kubectl clbtask track retry --region ap-guangzhou --ttl 24h"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	reject(t, "default", "retry")
	cloud.AddTask(clbsim.Task{ID: "retry"})
	code, stdout, stderr := sh("kubectl clbtask retry retry --wait")
	// Its first line may say Unknown or Pending: the operator is as quick as the plugin.
	if code != 0 || stdout != prefix+"retry succeeded\n" || !strings.Contains(stderr, "retry: Succeeded, TaskSucceeded") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := sh("kubectl clbtask retry retry"); code != 0 || stdout != prefix+"retry succeeded\n" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// What the API server refuses of a flag is told in its words.
func TestRefused(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--region guangzhou":                      "region must be a Tencent Cloud region such as ap-guangzhou",
		"--region ap-guangzhou --action listener": "action must be the name of an API call, such as CreateListener",
		"--region ap-guangzhou --product alb":     `supported values: "clb", "gwlb"`,
	} {
		if code, stdout, stderr := sh("kubectl clbtask track refused " + flag); code != 3 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d\n%s%s", flag, code, stdout, stderr)
		}
	}
}

// 2,000 tasks are listed, and some of them waited for.
func TestMany(t *testing.T) {
	t.Parallel()
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "many"}})
	const all = 2000
	workers, ctx := errgroup.WithContext(context.WithoutCancel(t.Context()))
	workers.SetLimit(20)
	for i := range all {
		workers.Go(func() error {
			return cluster.Client.Create(ctx, &v1alpha1.CLBTask{
				ObjectMeta: metav1.ObjectMeta{Namespace: "many", Name: fmt.Sprintf("task-%04d", i), Labels: map[string]string{"of": strconv.Itoa(i / 2)}},
				Spec:       v1alpha1.CLBTaskSpec{RequestID: fmt.Sprintf("r-%04d", i), Region: "ap-guangzhou"},
			})
		})
	}
	if err := workers.Wait(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	code, stdout, stderr := sh("kubectl clbtask list -n many")
	if n := strings.Count(stdout, "\n"); code != 0 || n != all+1 || !strings.Contains(stdout, "task-1999") {
		t.Fatalf("exit code %d, %d lines\n%s", code, n, stderr)
	}
	t.Logf("%d tasks are listed in %s", all, time.Since(begun)) // Alone it takes less than a second.
	code, stdout, stderr = sh("kubectl clbtask wait -n many -l of=7 --timeout=0")
	if code != 124 || strings.Count(stdout, "\n") != 2 || !strings.HasPrefix(stdout, prefix+"task-0014 not finished") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
