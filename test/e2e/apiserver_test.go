package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

const patches = "PATCH clbtasks/status"

// One process of the operator survives what happens to an API server, and no task loses its verdict.
func TestAPIServer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	beside, err := cluster.StartBeside()
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = beside.Kill() }()
	crd, err := realenv.CRD(root)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(beside.Install(older(crd))).To(Succeed())
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
	defer sky.Close()
	api, kubeconfig := newAPIGate(t, beside.Config, "default")
	r := start(t, sky, kubeconfig, key("some"), "--clb-requests-per-second=20")
	l := newLives(t, beside.Client, "beside", sky)
	// of returns lives of their own, which end while something happens.
	of := func(name string) []lifeOf {
		all := everyEnd()
		for i := range all {
			all[i].name = name + "-" + all[i].name
		}
		return all
	}
	ends := func(all []lifeOf) {
		t.Helper()
		begun := time.Now()
		soon(g, l.look(all)).Should(BeEmpty(), r.text)
		t.Logf("all have ended %v later", time.Since(begun))
	}

	// The CRD of a version before.
	all := of("before")
	l.begin(all...)
	ends(all)
	calm(t, l, api, "before-goes-on")

	// The CRD is replaced meanwhile.
	all = of("meanwhile")
	l.begin(all...)
	g.Expect(beside.Install(crd.DeepCopy())).To(Succeed())
	ask(t, l, "meanwhile-goes-on")
	ends(all)
	calm(t, l, api, "meanwhile-goes-on")

	// It is slow.
	all = of("slow")
	api.delay(700 * time.Millisecond)
	l.begin(all...)
	ends(all)
	api.delay(0)

	// It hangs, is killed, and comes again with an etcd that has forgotten what was before.
	all = of("killed")
	l.begin(all...)
	soon(g, func() int { return len(sky.CallsFor("killed-goes-on")) }).Should(beSome, r.text)
	open := api.stall()
	g.Expect(beside.Kill()).To(Succeed())
	g.Expect(beside.Start()).To(Succeed())
	g.Expect(beside.Client.Delete(t.Context(), l.task("killed-goes-on"))).To(Succeed())
	l.begin(lifeOf{name: "killed-goes-on"}) // Another one, which succeeds.
	g.Expect(cluster.Compact(t.Context())).To(Succeed())
	lists := api.arrivals("LIST clbtasks")
	open()
	all[slices.IndexFunc(all, func(life lifeOf) bool { return life.name == "killed-goes-on" })].want = []string{"Succeeded/TaskSucceeded"}
	ends(all)
	g.Expect(api.arrivals("LIST clbtasks")).To(BeNumerically(">", lists))
	l.check()
}

func (l *lives) task(name string) *v1alpha1.CLBTask {
	return &v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: name}}
}

// older returns the CRD without the fields that came last.
func older(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	crd = crd.DeepCopy()
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	spec, status := schema.Properties["spec"], schema.Properties["status"]
	for _, field := range []string{"ttlSecondsAfterFinished", "dealName", "product", "action"} {
		delete(spec.Properties, field)
		spec.XValidations = slices.DeleteFunc(spec.XValidations, func(rule apiextensionsv1.ValidationRule) bool { return strings.Contains(rule.Rule, "."+field) })
	}
	delete(status.Properties, "lastHandledReconcileAt")
	schema.Properties["spec"], schema.Properties["status"] = spec, status
	return crd
}

// ask asks for a poll of a CLBTask by the annotation.
func ask(t *testing.T, l *lives, name string) {
	t.Helper()
	g := NewWithT(t)
	task := new(v1alpha1.CLBTask)
	soon(g, func() error {
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(l.task(name)), task); err != nil {
			return err
		}
		task.Annotations = map[string]string{v1alpha1.AnnotationReconcileRequestedAt: "now"}
		return l.client.Update(t.Context(), task)
	}).Should(Succeed())
	soon(g, func() (string, error) {
		err := l.client.Get(t.Context(), client.ObjectKeyFromObject(task), task)
		return task.Status.LastHandledReconcileAt, err
	}).Should(Equal("now"))
}

// calm checks that polls of a CLBTask lead to no writes.
func calm(t *testing.T, l *lives, api *gate, name string) {
	t.Helper()
	g := NewWithT(t)
	writes := api.arrivals(patches)
	l.awaitPolls(name)
	g.Expect(api.arrivals(patches)-writes).To(BeZero(), "writes for two polls of what goes on")
}
