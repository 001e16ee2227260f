package chart_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

func TestAReleaseComesChangesAndGoes(t *testing.T) {
	for version, h := range helms {
		t.Run(version+" keeps the CLBTasks whatever it does", func(t *testing.T) {
			removeCRD(t)
			r := release{name: "clb", namespace: "lives-" + strings.ToLower(version[len(version)-1:]), values: "requestsPerSecond: 5"}
			older := r
			older.chart = before(t)
			applyCRD(t)
			doesNotOwn(t, h.install(older))
			older.takeOver = true
			ok(t, h.install(older))
			hasShortName(t, "clbt-before")
			task := createTask(t, "default", "", "kept")

			ok(t, h.upgrade(r))
			hasShortName(t, "clbt")
			inOneNamespace := r
			inOneNamespace.values = "{watchNamespaces: [default], metrics: {secure: false}}"
			ok(t, h.upgrade(inOneNamespace))
			gone(t, without(render(t, r), render(t, inOneNamespace)))

			ok(t, h.uninstall(r))
			all := render(t, inOneNamespace)
			crd := objects{theCRD: all[theCRD]}
			gone(t, without(all, crd))
			ok(t, k8s.Get(t.Context(), client.ObjectKeyFromObject(task), task))

			other := r
			other.name = "other"
			doesNotOwn(t, h.install(other))
			ok(t, h.install(r)) // The same name owns the CRD that it left.
			ok(t, h.uninstall(r))
			ok(t, k8s.Get(t.Context(), client.ObjectKeyFromObject(task), task))
		})
	}
}

func TestNeighboursDoNotDisturbEachOther(t *testing.T) {
	removeCRD(t)
	first := release{name: "a", namespace: "here", values: "perTaskCredentials: {enabled: true, namespaces: [default]}"}
	ok(t, helm4{}.install(first))
	t.Cleanup(func() { ok(t, helm4{}.uninstall(first)) })
	for sentence, second := range map[string]release{
		"in one namespace":                                    {name: "b", namespace: "here"},
		"of one name, in two namespaces":                      {name: "a", namespace: "there"},
		"of one full name, in two namespaces":                 {name: "c", namespace: "elsewhere", values: "fullnameOverride: a-clbtask-operator\n"},
		"in one namespace, watching the same":                 {name: "d", namespace: "here", values: "watchNamespaces: [default]\nmetrics: {secure: false}\n"},
		"that both read Secrets of CLBTasks in one namespace": {name: "e", namespace: "here", values: "perTaskCredentials: {enabled: true, namespaces: [default]}\n"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			second.values += "\ncrds: {enabled: false}"
			kept, others := render(t, first), render(t, second)
			if shared := len(kept) - len(without(kept, others)); shared > 0 {
				t.Errorf("%d objects have the same name", shared)
			}
			disjoint(t, kept, others)
			disjoint(t, others, kept)
			if lease(t, kept) == lease(t, others) {
				t.Errorf("both have the lease %s", lease(t, kept))
			}
			versions := resourceVersions(t, kept)
			for _, h := range helms {
				ok(t, h.install(second))
				ok(t, h.uninstall(second))
			}
			gone(t, others)
			for key, version := range resourceVersions(t, kept) {
				if version != versions[key] {
					t.Errorf("%s has changed", key)
				}
			}
		})
	}
}

// disjoint fails if a selector of the objects selects pods of the others.
func disjoint(t *testing.T, all, others objects) {
	t.Helper()
	for key, object := range all {
		for _, path := range []string{"spec.selector.matchLabels", "spec.podSelector.matchLabels"} {
			selector := at(object.Object, path)
			for other, deployment := range others {
				if selector != nil && contains(at(deployment.Object, "spec.template.metadata.labels"), selector) && object.GetNamespace() == deployment.GetNamespace() {
					t.Errorf("%s selects the pods of %s", key, other)
				}
			}
		}
	}
}

// lease returns the namespace and the name of the lease that the operator of the objects
// holds.
func lease(t *testing.T, all objects) string {
	t.Helper()
	for _, object := range all {
		containers, _ := at(object.Object, "spec.template.spec.containers").([]any)
		for _, container := range containers {
			args, _ := at(container, "args").([]any)
			for _, arg := range args {
				if id, has := strings.CutPrefix(fmt.Sprint(arg), "--leader-election-id="); has {
					return object.GetNamespace() + "/" + id
				}
			}
		}
	}
	t.Error("there is no lease")
	return ""
}

func without(all, others objects) objects {
	rest := objects{}
	for key, object := range all {
		if others[key] == nil {
			rest[key] = object
		}
	}
	return rest
}

// gone fails if one of the objects is in the cluster.
func gone(t *testing.T, all objects) {
	t.Helper()
	for key, object := range all {
		live := object.DeepCopy()
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(object), live); !apierrors.IsNotFound(err) {
			t.Errorf("%s is still there (%v)", key, err)
		}
	}
}

func resourceVersions(t *testing.T, all objects) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for key, object := range all {
		live := object.DeepCopy()
		ok(t, k8s.Get(t.Context(), client.ObjectKeyFromObject(object), live))
		versions[key] = live.GetResourceVersion()
	}
	return versions
}

// createTask creates a CLBTask as soon as the API server serves them.
func createTask(t *testing.T, namespace, secret, name string) *v1alpha1.CLBTask {
	t.Helper()
	task := &v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	task.Spec.RequestID, task.Spec.Region = name, "ap-guangzhou"
	if secret != "" {
		task.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: secret}
	}
	eventually(t, "a CLBTask is created", func(ctx context.Context) error { return k8s.Create(ctx, task) })
	return task
}

// removeCRD makes the cluster as it was before the first release, now and at the end.
func removeCRD(t *testing.T) {
	t.Helper()
	remove := func() {
		crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}}
		crd.SetName(crdName)
		eventually(t, "the CRD is gone", func(ctx context.Context) error {
			if err := k8s.Delete(ctx, crd); !apierrors.IsNotFound(err) {
				return fmt.Errorf("not yet: %w", cmp.Or(err, errors.New("it is being deleted")))
			}
			return nil
		})
	}
	remove()
	t.Cleanup(remove)
}

// applyCRD applies the CRD as kubectl does that of the install manifest.
func applyCRD(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(root + "/config/crd/bases/clb.tencentcloud.com_clbtasks.yaml")
	ok(t, err)
	crd, err := decode(string(content))
	ok(t, err)
	ok(t, k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(crd[theCRD]), client.FieldOwner("kubectl")))
}

// doesNotOwn fails unless the error says that the CRD is not the release's.
func doesNotOwn(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "invalid ownership metadata") {
		t.Errorf("the release takes the CRD over without being asked: %v", err)
	}
}

func hasShortName(t *testing.T, want string) {
	t.Helper()
	crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}}
	ok(t, k8s.Get(t.Context(), client.ObjectKey{Name: crdName}, crd))
	if names := at(crd.Object, "spec.names.shortNames"); !reflect.DeepEqual(names, []any{want}) {
		t.Errorf("the CRD has the short names %v, want %s", names, want)
	}
}

// before returns the chart as an older version may have it: with another short name.
func before(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	ok(t, os.CopyFS(folder, os.DirFS(chartPath)))
	for file, change := range map[string][2]string{
		"/Chart.yaml":     {"version: 0.0.0-dev", "version: 0.0.0-before"},
		"/files/crd.yaml": {"    - clbt\n", "    - clbt-before\n"},
	} {
		content, err := os.ReadFile(folder + file)
		ok(t, err)
		changed := strings.Replace(string(content), change[0], change[1], 1)
		if changed == string(content) {
			t.Fatalf("%s does not have %q", file, change[0])
		}
		ok(t, os.WriteFile(folder+file, []byte(changed), 0o600))
	}
	return folder
}

// createNamespace creates a namespace unless it is there.
func createNamespace(t *testing.T, name string) {
	t.Helper()
	err := k8s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	ok(t, client.IgnoreAlreadyExists(err))
}
