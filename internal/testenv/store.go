package testenv

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// object is a CLBTask. None is modified once it is stored.
type object = unstructured.Unstructured

// store holds the objects and how they became so.
type store struct {
	objects map[types.NamespacedName]*object
	history []change // By version.
	version int64    // The resource version of the latest change.
	highest int64    // The largest version before a rewind.
	oldest  int64    // The history is complete after this version.
	created int
}

// change is a step of the history. before is nil for a creation, after for a deletion.
type change struct {
	version       int64
	key           types.NamespacedName
	before, after *object
}

// put stores a change and returns the object as it is then.
func (s *store) put(key types.NamespacedName, before, after *object) *object {
	if before != nil && after != nil && reflect.DeepEqual(before.Object, after.Object) {
		return before
	}
	s.version++
	delete(s.objects, key)
	if after != nil {
		after.SetResourceVersion(strconv.FormatInt(s.version, 10))
		s.objects[key] = after
	}
	s.history = append(s.history, change{s.version, key, before, after})
	return after
}

// since returns the changes after a version.
func (s *store) since(version int64) []change {
	return s.history[sort.Search(len(s.history), func(i int) bool { return s.history[i].version > version }):]
}

// at returns the objects as they were at a version.
func (s *store) at(version int64) map[types.NamespacedName]*object {
	objects := maps.Clone(s.objects)
	for _, change := range slices.Backward(s.since(version)) {
		objects[change.key] = change.before
	}
	return objects
}

// compact forgets the history up to a version that no client knows.
func (s *store) compact() {
	s.version = max(s.version, s.highest) + 1
	s.oldest, s.history = s.version, nil
}

// rewind returns to an earlier state.
func (s *store) rewind(state Snapshot) {
	s.highest = max(s.highest, s.version)
	s.history = s.history[:len(s.history)-len(s.since(state.version))]
	s.version, s.objects = state.version, maps.Clone(state.objects)
	s.oldest = min(s.oldest, s.version)
}

// crd is what the CRD says of an object.
type crd struct {
	schema spec.Schema
	status map[string]any // The default.
}

const crdFile = "config/crd/bases/clb.tencentcloud.com_clbtasks.yaml"

// loadCRD finds the CRD from the working directory upwards: go test runs in the
// folder of the package.
var loadCRD = sync.OnceValues(func() (*crd, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, crdFile))
	for errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		text, err = os.ReadFile(filepath.Join(dir, crdFile))
	}
	if err != nil {
		return nil, err
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema spec.Schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	found := &crd{schema: definition.Spec.Versions[0].Schema.OpenAPIV3Schema}
	status, err := json.Marshal(found.schema.Properties["status"].Default)
	if err != nil {
		return nil, err
	}
	return found, utiljson.Unmarshal(status, &found.status) // With integers as in stored objects.
})

// complete sets the default of an object.
func (c *crd) complete(task *object) {
	if task.Object["status"] == nil {
		task.Object["status"] = runtime.DeepCopyJSON(c.status)
	}
}

// validate returns what is wrong with an object, or with the change from before.
func (c *crd) validate(before, after *object) field.ErrorList {
	var problems field.ErrorList
	if err := validate.NewSchemaValidator(&c.schema, nil, "", strfmt.Default).Validate(after.Object).AsError(); err != nil {
		problems = append(problems, field.Invalid(field.NewPath(""), "", err.Error()))
	}
	if (text(after, "spec", "requestId") == "") == (text(after, "spec", "dealName") == "") {
		problems = append(problems, field.Required(field.NewPath("spec", "requestId"), "or dealName, and not both"))
	}
	if before == nil {
		return problems
	}
	immutable := [][]string{{"spec", "requestId"}, {"spec", "dealName"}, {"spec", "product"}, {"spec", "region"}}
	if text(before, "spec", "action") != "" {
		immutable = append(immutable, []string{"spec", "action"})
	}
	if phase := text(before, "status", "phase"); phase == "Succeeded" || phase == "Failed" {
		immutable = append(immutable, []string{"status", "phase"})
	}
	for _, path := range immutable {
		if value := text(after, path...); value != text(before, path...) {
			problems = append(problems, field.Invalid(field.NewPath(path[0], path[1:]...), value, "field is immutable"))
		}
	}
	return problems
}

func text(task *object, path ...string) string {
	value, _, _ := unstructured.NestedString(task.Object, path...)
	return value
}
