package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// A namespace that the operator may not watch keeps it from no other. It is named, and
// watched once that is allowed.
func TestNamespaceWithoutRights(t *testing.T) {
	g := NewWithT(t)
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
	defer sky.Close()
	kubeconfig, err := cluster.KubeconfigOf("some")
	g.Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "watcher"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"clb.tencentcloud.com"}, Resources: []string{"clbtasks", "clbtasks/status"}, Verbs: []string{"get", "list", "watch", "patch"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}}
	g.Expect(cluster.Client.Create(t.Context(), role)).To(Succeed())
	allow := func(namespace string) {
		g.Expect(cluster.Client.Create(t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "watcher"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "some"}},
		})).To(Succeed())
	}
	for _, name := range []string{"allowed", "denied"} {
		g.Expect(cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(Succeed())
		follow(t, sky, name, "of-"+name)
	}
	phase := func(namespace string) func() (v1alpha1.Phase, error) {
		return func() (v1alpha1.Phase, error) {
			task := new(v1alpha1.CLBTask)
			err := cluster.Client.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: "of-" + namespace}, task)
			return task.Status.Phase, err
		}
	}
	allow("allowed")

	r := start(t, sky, kubeconfig, key("some"), "--watch-namespaces=allowed,denied")
	soon(g, phase("allowed")).Should(Equal(v1alpha1.PhaseRunning), r.text)
	g.Expect(r.readiness()).To(And(ContainSubstring("[-]may-watch-namespace-denied"), ContainSubstring("[+]clbtasks-cached")))
	allow("denied")
	g.Expect(r.process.Wait()).To(MatchError("exit status 1"))
	g.Expect(r.text()).To(And(ContainSubstring("Namespace left out"), HaveSuffix("the CLBTasks of namespace denied may be watched now: start again to do so\n")))

	r = start(t, sky, kubeconfig, key("some"), "--watch-namespaces=allowed,denied")
	soon(g, phase("denied")).Should(Equal(v1alpha1.PhaseRunning), r.text)
	g.Expect(r.readiness()).To(Equal("ok"))
	g.Expect(r.process.Process.Kill()).To(Succeed())
}
