package chart_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// objects are those of a manifest, by "Kind namespace/name", or "Kind name" without a
// namespace.
type objects map[string]*unstructured.Unstructured

func decode(manifest string) (objects, error) {
	all := objects{}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		object := new(unstructured.Unstructured)
		switch err := decoder.Decode(&object.Object); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(object.Object) == 0:
			continue
		}
		key := object.GetKind() + " " + strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/")
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		all[key] = object
	}
}

// render renders with both versions of Helm, which must agree but for the order.
func render(t *testing.T, r release) objects {
	t.Helper()
	all, notes := renderWith(t, helm4{}, r)
	all3, notes3 := renderWith(t, helm3{}, r)
	if notes != notes3 {
		t.Errorf("the notes of Helm 4:\n%s\nof Helm 3:\n%s", notes, notes3)
	}
	if len(all) != len(all3) {
		t.Errorf("Helm 4 renders %d objects, Helm 3 renders %d", len(all), len(all3))
	}
	for key, object := range all {
		if !reflect.DeepEqual(object, all3[key]) {
			t.Errorf("%s differs between Helm 4 and Helm 3", key)
		}
	}
	return all
}

func renderWith(t *testing.T, h helm, r release) (all objects, notes string) {
	t.Helper()
	manifest, notes, err := h.template(r)
	if err != nil {
		t.Fatalf("%T: %v", h, err)
	}
	if all, err = decode(manifest); err != nil {
		t.Fatalf("%T: %v in:\n%s", h, err, manifest)
	}
	return all, notes
}

// dryRun lets the API server check an object and returns it with the server's defaults. To
// apply is strict: a field that the schema does not have is an error.
func dryRun(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	checked := object.DeepCopy()
	err := k8s.Apply(ctx, client.ApplyConfigurationFromUnstructured(checked), client.DryRunAll, client.FieldOwner("test"), client.ForceOwnership)
	return checked, err
}

// contains reports whether got has all that want has: the keys of maps, and of lists an
// item that contains each of want's.
func contains(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		for key, value := range want {
			if actual, has := got[key]; !has || !contains(actual, value) {
				return false
			}
		}
		return ok
	case []any:
		got, ok := got.([]any)
		for _, value := range want {
			if !slices.ContainsFunc(got, func(actual any) bool { return contains(actual, value) }) {
				return false
			}
		}
		return ok
	default:
		return fmt.Sprint(got) == fmt.Sprint(want) // Numbers have several types.
	}
}

// at returns the value at a path of keys, such as "spec.selector", or nil.
func at(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		below, _ := value.(map[string]any)
		value = below[key]
	}
	return value
}
