package chart_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// leaves returns the values of values.yaml that have a description, which may be maps,
// and the description of each. It fails for a scalar or a list without one.
func leaves(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(chartPath + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(node *yaml.Node, path string)
	walk = func(node *yaml.Node, path string) {
		for i := 0; i < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below := strings.TrimPrefix(path+"."+key.Value, ".")
			switch description, ok := strings.CutPrefix(key.HeadComment, "# -- "); {
			case ok:
				found[below] = description
			case value.Kind == yaml.MappingNode && len(value.Content) > 0:
				walk(value, below)
			default:
				t.Errorf("%s has no description, which begins with %q", below, "# -- ")
			}
		}
	}
	walk(document.Content[0], "")
	return found
}

// valuesSchema is what the tests need of a JSON schema.
type valuesSchema struct {
	Properties           map[string]valuesSchema `json:"properties"`
	AdditionalProperties any                     `json:"additionalProperties"`
}

// leaves returns the paths of the properties that have none themselves, and reports
// objects that take any property.
func (s valuesSchema) leaves(t *testing.T, path string) []string {
	t.Helper()
	if s.Properties == nil {
		return []string{path}
	}
	if s.AdditionalProperties != false {
		t.Errorf("the schema of %q takes any property", path)
	}
	var found []string
	for name, property := range s.Properties {
		found = append(found, property.leaves(t, strings.TrimPrefix(path+"."+name, "."))...)
	}
	return found
}

func TestSchemaAndDefaultsHaveTheSameValues(t *testing.T) {
	content, err := os.ReadFile(chartPath + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole valuesSchema
	if err := json.Unmarshal(content, &whole); err != nil {
		t.Fatal(err)
	}
	// What a chart that depends on this one sets has no default.
	delete(whole.Properties, "global")
	delete(whole.Properties, "enabled")
	inSchema, described := whole.leaves(t, ""), leaves(t)
	slices.Sort(inSchema)
	if inDefaults := slices.Sorted(maps.Keys(described)); !slices.Equal(inSchema, inDefaults) {
		t.Errorf("the schema has\n%q\nvalues.yaml has\n%q", inSchema, inDefaults)
	}
	for path, description := range described {
		if !strings.HasSuffix(description, ".") && !strings.HasSuffix(description, "`.") || strings.Contains(description, "\n") {
			t.Errorf("the description of %s is no sentence on one line: %q", path, description)
		}
	}
}

// A value that is taken away by null is not needed, or Helm names it.
func TestNullValues(t *testing.T) {
	paths := map[string]bool{}
	for path := range leaves(t) {
		for ; path != ""; path = path[:max(strings.LastIndex(path, "."), 0)] {
			paths[path] = true
		}
	}
	for path := range paths {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			names := strings.Split(path, ".")
			r := own
			r.values = "null"
			for _, name := range slices.Backward(names) {
				r.values = "{" + name + ": " + r.values + "}"
			}
			if _, _, err := (helm4{}).template(r); err != nil && (!strings.Contains(err.Error(), names[len(names)-1]) || strings.Contains(err.Error(), "executing")) {
				t.Error(err)
			}
		})
	}
}
