// Program crdschema writes a JSON schema of each version of a custom resource, for tools
// that check manifests without a cluster, such as kubeconform:
//
//	go run ./hack/crdschema config/crd/bases/clb.tencentcloud.com_clbtasks.yaml FOLDER
//
// A file is named KIND_VERSION.json in lower case, as those tools look for it. The schema
// refuses a field that the CRD does not have, as strict validation by the API server does.
// The CRD's rules in CEL are left to the API server.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// customResource is what is read of a CustomResourceDefinition.
type customResource struct {
	Spec struct {
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct{ OpenAPIV3Schema map[string]any }
		}
	}
}

func main() {
	if len(os.Args) != 3 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: crdschema CRD FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "crdschema:", err)
		os.Exit(1)
	}
}

func write(file, folder string) error {
	content, err := os.ReadFile(file) //nolint:gosec // The caller names it.
	if err != nil {
		return err
	}
	var crd customResource
	if err := yaml.Unmarshal(content, &crd); err != nil {
		return err
	}
	for _, version := range crd.Spec.Versions {
		refuseOthers(version.Schema.OpenAPIV3Schema)
		text, err := json.MarshalIndent(version.Schema.OpenAPIV3Schema, "", "  ")
		if err != nil {
			return err
		}
		name := strings.ToLower(crd.Spec.Names.Kind + "_" + version.Name + ".json")
		if err := os.WriteFile(filepath.Join(folder, name), append(text, '\n'), 0o644); err != nil { //nolint:gosec // It is for everybody.
			return err
		}
	}
	return nil
}

// refuseOthers lets an object of a schema have no properties but those that it names. The
// CRD names none of its metadata, which is the API server's.
func refuseOthers(schema map[string]any) {
	properties, named := schema["properties"].(map[string]any)
	for _, property := range properties {
		if below, ok := property.(map[string]any); ok {
			refuseOthers(below)
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if below, ok := schema[key].(map[string]any); ok {
			refuseOthers(below)
		}
	}
	if named {
		schema["additionalProperties"] = false
	}
}
