package chart_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// conformer is kubeconform with the schemas that the API server itself publishes, so that
// none is downloaded.
var conformer = sync.OnceValues(func() (validator.Validator, error) {
	folder := filepath.Join(filepath.Dir(kubeconfig), "schemas")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	published, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	if err != nil {
		return nil, err
	}
	groups, err := published.OpenAPIV3().Paths()
	if err != nil {
		return nil, err
	}
	for path, group := range groups {
		if strings.HasPrefix(path, "apis/"+v1alpha1.GroupVersion.Group+"/") {
			continue // Its CRD comes and goes with the tests.
		}
		text, err := group.Schema("application/json")
		if err != nil {
			return nil, err
		}
		if err := writeSchemas(folder, strings.ReplaceAll(path, "/", "_")+".json", text); err != nil {
			return nil, err
		}
	}
	return validator.New([]string{folder + "/{{.Group}}-{{.ResourceKind}}-{{.ResourceAPIVersion}}.json"}, validator.Opts{Strict: true})
})

// writeSchemas writes what the API server publishes of a group's version, and for each of
// its kinds a schema that refers to that.
func writeSchemas(folder, file string, text []byte) error {
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	schemas, _ := at(document, "components.schemas").(map[string]any)
	for name, schema := range schemas {
		properties, named := at(schema, "properties").(map[string]any)
		schema, _ := schema.(map[string]any)
		if named && len(properties) > 0 {
			schema["additionalProperties"] = false // No field but those.
		}
		kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // What all groups share is of no kind.
			continue
		}
		group, _ := at(kinds[0], "group").(string)
		kind, _ := at(kinds[0], "kind").(string)
		version, _ := at(kinds[0], "version").(string)
		reference, err := json.Marshal(map[string]any{"$ref": file + "#/components/schemas/" + name})
		if err != nil {
			return err
		}
		// The core group goes by its version.
		of := strings.ToLower(cmp.Or(group, version) + "-" + kind + "-" + version + ".json")
		if err := os.WriteFile(filepath.Join(folder, of), reference, 0o600); err != nil {
			return err
		}
	}
	closed, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, file), closed, 0o600)
}

// conform returns an error unless kubeconform finds the object valid.
func conform(object *unstructured.Unstructured) error {
	v, err := conformer()
	if err != nil {
		return err
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	if result := v.ValidateResource(resource.Resource{Bytes: text}); result.Status != validator.Valid {
		return fmt.Errorf("status %d: %w", result.Status, result.Err)
	}
	return nil
}

// TestKubeconformRefuses sees that kubeconform reads the schemas: what it must refuse it
// does, each in another part of an object.
func TestKubeconformRefuses(t *testing.T) {
	for sentence, spoil := range map[string]func(deployment map[string]any) error{
		"a field that is unknown": func(deployment map[string]any) error {
			return unstructured.SetNestedField(deployment, "x", "spec", "template", "spec", "hostAlias")
		},
		"a value of the wrong type": func(deployment map[string]any) error {
			return unstructured.SetNestedField(deployment, "2", "spec", "replicas")
		},
		"a kind that is unknown": func(deployment map[string]any) error {
			return unstructured.SetNestedField(deployment, "Deploiment", "kind")
		},
	} {
		deployment := render(t, own)[aDeployment]
		ok(t, conform(deployment))
		ok(t, spoil(deployment.Object))
		if err := conform(deployment); err == nil {
			t.Errorf("it takes %s", sentence)
		}
	}
}
