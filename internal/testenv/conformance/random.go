package conformance

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// Compare sends the same random requests to two servers, in a namespace that neither has used, and
// checks that both say and keep the same. Most of the requests are right, so that they reach the object.
func Compare(t *testing.T, namespace string, seed uint64, requests int, one, other dynamic.Interface) {
	t.Helper()
	r := newRequester(seed)
	servers := [2]*server{}
	for i, c := range []dynamic.Interface{one, other} {
		servers[i] = newServer(c, namespace)
	}
	for range requests {
		request := r.next(namespace)
		got := [2]string{servers[0].do(t, request), servers[1].do(t, request)}
		if got[0] != got[1] {
			t.Fatalf("seed %d: %s\none server:    %s\nthe other one: %s", seed, request, got[0], got[1])
		}
	}
}

// Disturb sends random requests to a server, as Compare does, and calls a function after each with what came
// of it.
func Disturb(t *testing.T, namespace string, seed uint64, requests int, c dynamic.Interface, after func(sent, got string)) {
	t.Helper()
	r := newRequester(seed)
	s := newServer(c, namespace)
	for range requests {
		request := r.next(namespace)
		after(request.String(), s.do(t, request))
	}
}

// request is one of the operator's or of a user's.
type request struct {
	verb, name string
	status     bool
	body       map[string]any
	// lock, if it is not negative, says which version of the object it builds on: zero is the latest that its
	// sender has seen.
	lock int
}

func (r request) String() string {
	return fmt.Sprintf("%s %s (status: %t, lock: %d) %v", r.verb, r.name, r.status, r.lock, r.body)
}

// server is one of the two, and the versions of each object that it has told of.
type server struct {
	tasks    dynamic.ResourceInterface
	versions map[string][]string
}

func newServer(c dynamic.Interface, namespace string) *server {
	return &server{tasks: c.Resource(v1alpha1.GroupVersion.WithResource("clbtasks")).Namespace(namespace), versions: map[string][]string{}}
}

// do sends a request and returns what comes back, without what differs between servers.
func (s *server) do(t *testing.T, r request) string {
	t.Helper()
	var subresources []string
	if r.status {
		subresources = []string{"status"}
	}
	body := &unstructured.Unstructured{Object: copyOf(r.body)}
	versions := s.versions[r.name]
	if r.lock >= 0 && r.lock < len(versions) {
		_ = unstructured.SetNestedField(body.Object, versions[len(versions)-1-r.lock], "metadata", "resourceVersion")
	}
	var result *unstructured.Unstructured
	var err error
	switch r.verb {
	case "create":
		result, err = s.tasks.Create(t.Context(), body, metav1.CreateOptions{})
	case "update":
		result, err = s.tasks.Update(t.Context(), body, metav1.UpdateOptions{}, subresources...)
	case "patch":
		text, marshalled := json.Marshal(body.Object)
		if marshalled != nil {
			t.Fatal(marshalled)
		}
		result, err = s.tasks.Patch(t.Context(), r.name, types.MergePatchType, text, metav1.PatchOptions{}, subresources...)
	case "delete":
		options := metav1.DeleteOptions{}
		if version := body.GetResourceVersion(); version != "" {
			options.Preconditions = &metav1.Preconditions{ResourceVersion: &version}
		}
		err = s.tasks.Delete(t.Context(), r.name, options)
	}
	if err != nil {
		return string(apierrors.ReasonForError(err)) // All that programs act on.
	}
	if r.verb == "delete" {
		return "deleted"
	}
	changed := len(versions) == 0 || versions[len(versions)-1] != result.GetResourceVersion()
	s.versions[r.name] = append(versions, result.GetResourceVersion())
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(result.Object, "metadata", field)
	}
	return fmt.Sprint("changed: ", changed, " ", result.Object)
}

func copyOf(body map[string]any) map[string]any {
	if body == nil {
		return map[string]any{}
	}
	return (&unstructured.Unstructured{Object: body}).DeepCopy().Object
}

// requester makes random requests.
type requester struct{ *rand.Rand }

func newRequester(seed uint64) *requester {
	return &requester{rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // A seed repeats it.
}

func pick[T any](r *requester, from ...T) T { return from[r.IntN(len(from))] }

func (r *requester) next(namespace string) request {
	made := request{verb: pick(r, "create", "create", "update", "patch", "patch", "patch", "patch", "delete"), name: pick(r, "a", "b", "c"), lock: r.IntN(4) - 1}
	if made.verb == "delete" && r.IntN(3) > 0 {
		made.verb = "patch" // Objects are to grow old.
	}
	made.status = made.verb != "create" && r.IntN(2) == 0
	made.body = map[string]any{}
	if made.verb == "create" || made.verb == "update" {
		made.body["apiVersion"], made.body["kind"] = v1alpha1.GroupVersion.String(), "CLBTask"
		made.body["metadata"] = map[string]any{"namespace": namespace, "name": made.name}
		made.lock = max(made.lock, 0)
	}
	if made.verb == "create" {
		made.lock = -1 // The server refuses a version.
	}
	if made.verb == "delete" {
		return made
	}
	if made.verb != "patch" || r.IntN(2) == 0 {
		made.body["spec"] = r.spec(made.verb != "patch")
	}
	if made.status || r.IntN(4) == 0 {
		made.body["status"] = r.statusOf()
	}
	if r.IntN(6) == 0 {
		metadata, _ := made.body["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["annotations"] = map[string]any{v1alpha1.AnnotationReconcileRequestedAt: strconv.Itoa(r.IntN(3))}
		made.body["metadata"] = metadata
	}
	return made
}

// strange are values that few fields take.
var strange = []any{"", "x y", "界", strings.Repeat("a", 300), strings.Repeat("b", 5000), int64(-2), int64(0), int64(1) << 40, 1.5, true, nil, []any{}, []any{"a"}, map[string]any{}, map[string]any{"a": "b"}}

// some sets a field in one of n cases, now and then to a strange value.
func (r *requester) some(n int, in map[string]any, field string, values ...any) {
	if r.IntN(n) > 0 {
		return
	}
	if in[field] = pick(r, values...); r.IntN(30) == 0 {
		in[field] = pick(r, strange...)
	}
}

func (r *requester) spec(whole bool) any {
	spec := map[string]any{}
	often, always := 4, 4
	if whole {
		always = 1
	}
	r.some(always, spec, "requestId", "r-1", "r-1", "r-1", "r-2")
	if r.IntN(20) == 0 {
		delete(spec, "requestId")
		r.some(1, spec, "dealName", "d-1", "d-2")
	}
	r.some(always, spec, "region", "ap-guangzhou", "ap-guangzhou", "ap-guangzhou", "ap-shanghai", "guangzhou")
	r.some(often, spec, "suspend", true, false)
	r.some(often, spec, "activeDeadlineSeconds", int64(1), int64(60), int64(31536001))
	r.some(often, spec, "ttlSecondsAfterFinished", int64(0), int64(60), int64(-1))
	r.some(2*often, spec, "action", "CreateListener", "CreateRule", "create")
	r.some(2*often, spec, "product", "clb", "gwlb", "alb")
	r.some(2*often, spec, "credentialsSecretRef", map[string]any{"name": "key"}, map[string]any{"name": "Key"}, map[string]any{})
	r.some(5*often, spec, "unknown", "value")
	if r.IntN(60) == 0 {
		return pick(r, strange...)
	}
	return spec
}

func (r *requester) statusOf() any {
	status := map[string]any{}
	r.some(2, status, "phase", "Pending", "Running", "Running", "Suspended", "Unknown", "Succeeded", "Failed", "Done")
	r.some(3, status, "observedGeneration", int64(-1), int64(1), int64(7))
	r.some(3, status, "message", "text", strings.Repeat("界", v1alpha1.MaxMessageLength), strings.Repeat("x", v1alpha1.MaxMessageLength+1))
	r.some(4, status, "startTime", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "yesterday")
	r.some(4, status, "completionTime", "2026-01-01T00:00:00Z", nil)
	r.some(4, status, "lastHandledReconcileAt", "1", "2")
	r.some(4, status, "loadBalancerIds", []any{"lb-1", "lb-2"}, []any{}, []any{"lb-1", "lb-1"})
	if r.IntN(3) == 0 {
		condition := map[string]any{"type": pick(r, "Ready", "Running", "Own"), "status": pick(r, "True", "False", "Maybe"), "reason": "Reason", "message": "text", "lastTransitionTime": "2026-01-01T00:00:00Z"}
		r.some(10, condition, "reason", "no reason", "")
		r.some(10, condition, "observedGeneration", int64(1))
		conditions := []any{condition}
		if r.IntN(3) == 0 {
			conditions = append(conditions, condition)
		}
		r.some(1, status, "conditions", conditions)
	}
	r.some(20, status, "unknown", "value")
	if r.IntN(40) == 0 {
		return pick(r, strange...)
	}
	return status
}
