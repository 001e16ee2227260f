package gitops_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

func terraformWaiters() []waiter {
	const code = "restated: terraform-provider-kubernetes, `manifest/provider/waiter.go`, "
	return []waiter{
		{
			Name: "Terraform", Rule: "`wait.fields` and the `postcondition` of the [guide](guides/terraform.md)",
			Code: code + "FieldWaiter; the postcondition is evaluated by HCL's own library",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				return readTerraform().judge(task)
			},
			want: forSuccess,
		},
		{
			Name: "Terraform `wait.condition`", Rule: "`Ready` is `True`", Code: code + "ConditionsWaiter",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				if conditions(task)["Ready"] == "True" {
					return done, nil
				}
				return waits, nil
			},
			want: withoutFails,
		},
		{
			Name: "Terraform `wait.fields` with `*`", Rule: "`status.completionTime = \"*\"`, which matches a field that is absent, too",
			Code: code + "FieldWaiter",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				return matchFields(task, map[string]string{"status.completionTime": "*"})
			},
			want: blind,
		},
	}
}

// matchFields restates FieldWaiter: a field that the schema knows and the object
// lacks is an empty text, the expressions are not anchored, and "*" matches all.
func matchFields(task *unstructured.Unstructured, fields map[string]string) (string, error) {
	for path, expression := range fields {
		if expression == "*" {
			expression = "(.*)?"
		}
		matcher, err := regexp.Compile(expression)
		if err != nil {
			return "", err
		}
		value, _, err := unstructured.NestedString(task.Object, strings.Split(path, ".")...)
		if err != nil {
			return "", err
		}
		if !matcher.MatchString(value) {
			return waits, nil
		}
	}
	return done, nil
}

// terraform is what the guide's configuration says.
type terraform struct {
	manifest  map[string]any
	fields    map[string]string
	condition hclsyntax.Expression
	message   hclsyntax.Expression
}

func (t terraform) judge(task *unstructured.Unstructured) (string, error) {
	reading, err := matchFields(task, t.fields)
	if err != nil || reading != done {
		return reading, err
	}
	value, diagnostics := t.condition.Value(selfIs(task))
	if diagnostics.HasErrors() {
		return "", diagnostics
	}
	if value.True() {
		return done, nil
	}
	return fails, nil
}

// selfIs is what the conditions of a data source may refer to.
func selfIs(task *unstructured.Unstructured) *hcl.EvalContext {
	self := asCty(map[string]any{"object": task.Object})
	return &hcl.EvalContext{Variables: map[string]cty.Value{"self": self}}
}

// readTerraform reads docs/guides/terraform/main.tf with HCL's own library.
func readTerraform() terraform {
	text, err := os.ReadFile(filepath.Join(guides, "terraform", "main.tf"))
	if err != nil {
		panic(err)
	}
	file, diagnostics := hclsyntax.ParseConfig(text, "main.tf", hcl.InitialPos)
	if diagnostics.HasErrors() {
		panic(diagnostics)
	}
	body, _ := file.Body.(*hclsyntax.Body)
	given := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{
		"request_id": cty.StringVal(requestID), "region": cty.StringVal(region),
	})}}
	resource := block(body, "resource")
	postcondition := block(block(block(body, "data"), "lifecycle"), "postcondition")
	t := terraform{
		condition: postcondition.Attributes["condition"].Expr,
		message:   postcondition.Attributes["error_message"].Expr,
		fields:    map[string]string{},
	}
	t.manifest, _ = fromCty(value(resource.Attributes["manifest"], given)).(map[string]any)
	for field, expression := range value(block(resource, "wait").Attributes["fields"], given).AsValueMap() {
		t.fields[field] = expression.AsString()
	}
	return t
}

func block(body *hclsyntax.Body, kind string) *hclsyntax.Body {
	for _, b := range body.Blocks {
		if b.Type == kind {
			return b.Body
		}
	}
	panic("main.tf has no block " + kind)
}

func value(attribute *hclsyntax.Attribute, given *hcl.EvalContext) cty.Value {
	v, diagnostics := attribute.Expr.Value(given)
	if diagnostics.HasErrors() {
		panic(diagnostics)
	}
	return v
}

var _ = Describe("The guide for Terraform", func() {
	DescribeTable("makes an object that ends the run as the request ends", func(ctx SpecContext, cloud clbsim.Task, reading, message string) {
		w := newWorld(ctx, "terraform-")
		cloud.ID, cloud.FromFirstPoll, cloud.Duration = requestID, true, time.Second
		w.sim.AddTask(cloud)
		w.run(realenv.Simulated)
		configuration := readTerraform()
		task := &unstructured.Unstructured{Object: configuration.manifest}
		task.SetNamespace(w.namespace)
		Expect(k8s.Create(ctx, task, client.FieldValidation("Strict"))).To(Succeed())
		Eventually(func(g Gomega) string {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(task), task)).To(Succeed())
			reading, err := configuration.judge(task)
			g.Expect(err).NotTo(HaveOccurred())
			return reading
		}).WithContext(ctx).Should(Equal(reading))
		said, diagnostics := configuration.message.Value(selfIs(task))
		Expect(diagnostics.HasErrors()).To(BeFalse(), diagnostics.Error())
		Expect(said.AsString()).To(ContainSubstring(message))
	},
		Entry("when the request succeeds", clbsim.Task{}, done, "The task succeeded"),
		Entry("when it fails, with the cloud's reason", clbsim.Task{Result: clbsim.Failed, Message: "no such VPC"}, fails, "no such VPC"),
	)
})

func asCty(object map[string]any) cty.Value {
	text, err := (&unstructured.Unstructured{Object: object}).MarshalJSON()
	if err == nil {
		var kind cty.Type
		if kind, err = ctyjson.ImpliedType(text); err == nil {
			var v cty.Value
			if v, err = ctyjson.Unmarshal(text, kind); err == nil {
				return v
			}
		}
	}
	panic(fmt.Errorf("as a value of HCL: %w", err))
}

func fromCty(v cty.Value) any {
	if v.Type().IsObjectType() {
		object := map[string]any{}
		for key, field := range v.AsValueMap() {
			object[key] = fromCty(field)
		}
		return object
	}
	return v.AsString()
}
