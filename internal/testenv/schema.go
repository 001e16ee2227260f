package testenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
)

// crd is what the CRD says of an object. The API server's own code applies it.
type crd struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
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
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	properties := new(apiextensions.JSONSchemaProps)
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(definition.Spec.Versions[0].Schema.OpenAPIV3Schema, properties, nil); err != nil {
		return nil, err
	}
	found := new(crd)
	if found.structural, err = schema.NewStructural(properties); err != nil {
		return nil, err
	}
	if found.schema, _, err = validation.NewSchemaValidator(properties); err != nil {
		return nil, err
	}
	found.rules = cel.NewValidator(found.structural, true, celconfig.PerCallLimit)
	return found, nil
})

// complete removes the fields that the CRD does not have, and sets the defaults of those that are missing.
func (c *crd) complete(task *object) {
	pruning.Prune(task.Object, c.structural, true)
	defaulting.PruneNonNullableNullsWithoutDefaults(task.Object, c.structural)
	defaulting.Default(task.Object, c.structural)
}

// validate returns what is wrong with an object, or with the change from before.
func (c *crd) validate(before, after *object) field.ErrorList {
	var problems field.ErrorList
	var old any // Not a nil map.
	var options []cel.Option
	if before == nil {
		problems = validation.ValidateCustomResource(nil, after.Object, c.schema)
	} else {
		old = before.Object
		changed := common.NewCorrelatedObject(after.Object, old, &model.Structural{Structural: c.structural})
		problems = validation.ValidateCustomResourceUpdate(nil, after.Object, old, c.schema, validation.WithRatcheting(changed))
		options = append(options, cel.WithRatcheting(changed))
	}
	problems = append(problems, listtype.ValidateListSetsAndMaps(nil, c.structural, after.Object)...)
	if slices.ContainsFunc(problems, keepsFromRules) {
		return problems
	}
	broken, _ := c.rules.Validate(context.Background(), nil, c.structural, after.Object, old, celconfig.RuntimeCELCostBudget, options...)
	return append(problems, broken...)
}

// keepsFromRules reports whether the API server evaluates no rules on an object that has a problem.
func keepsFromRules(problem *field.Error) bool {
	return slices.Contains([]field.ErrorType{field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid}, problem.Type)
}
