// Program reference writes three pages of docs from the code itself. docs/reference.md has
// the reasons and condition types from their comments in api/v1alpha1, and the flags from
// the operator's --help; the kubectl plugin explains the same reasons. docs/metrics.md has the metrics from their definitions in
// controllers. docs/errors.md has what conditions say of each problem, and the codes of
// each.
//
// `make generate` runs it in the root of the repository:
//
//	go run ./hack/reference --manager bin/manager
package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed *.md.tmpl
var pages embed.FS

// reference is what docs/reference.md and docs/metrics.md show.
type reference struct {
	Conditions, Reasons []constant
	Metrics             []metric
	Flags               string
}

// constant is a string constant with its comment.
type constant struct{ Name, Text string }

type metric struct{ Name, Kind, Labels, Help string }

func main() {
	manager := flag.String("manager", "bin/manager", "The operator's `file`, as `make build` makes it.")
	flag.Parse()
	if err := write(*manager); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func write(manager string) error {
	conditions, err := parse("api/v1alpha1/conditions.go")
	if err != nil {
		return err
	}
	r := reference{Conditions: constants(conditions, "Condition"), Reasons: constants(conditions, "Reason")}
	definitions, err := parse("controllers/metrics.go")
	if err != nil {
		return err
	}
	r.Metrics = metrics(definitions)
	help, err := exec.Command(manager, "--help").Output() //nolint:noctx // The flag names what is to run, and it ends at once.
	if err != nil {
		return fmt.Errorf("%s --help: %w", manager, err)
	}
	r.Flags = strings.TrimSpace(string(help))
	if len(r.Conditions) == 0 || len(r.Reasons) == 0 || len(r.Metrics) == 0 {
		return fmt.Errorf("found %d conditions, %d reasons and %d metrics: the code has moved", len(r.Conditions), len(r.Reasons), len(r.Metrics))
	}
	failures, err := problems(r.Reasons)
	if err != nil {
		return err
	}
	return cmp.Or(render("reference.md", r), render("metrics.md", r), render("errors.md", failures), explanations(r.Reasons))
}

// explanations writes the reasons for the kubectl plugin: the first sentence of each says
// what it means, and the others what to do.
func explanations(reasons []constant) error {
	type explanation struct{ Name, Meaning, Remedy string }
	var all []explanation
	for _, reason := range reasons {
		meaning, remedy, _ := strings.Cut(sentence(reason.Text), ". ")
		all = append(all, explanation{reason.Name, strings.TrimSuffix(meaning, ".") + ".", remedy})
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile("cmd/kubectl-clbtask/internal/command/reasons.json", append(text, '\n'), 0o644) //nolint:gosec // It is for everybody.
}

// sentence begins a text with a capital letter, unless it begins with a field.
func sentence(text string) string {
	if strings.HasPrefix(text, "spec.") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// render writes a page of docs.
func render(name string, data any) error {
	page, err := template.New(name+".tmpl").Funcs(template.FuncMap{
		"anchor":   strings.ToLower,
		"sentence": sentence,
	}).ParseFS(pages, name+".tmpl")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := page.Execute(&text, data); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("docs", name), text.Bytes(), 0o644) //nolint:gosec // It is for everybody.
}

func parse(file string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
}

// constants returns the string constants whose names begin with a prefix.
func constants(file *ast.File, prefix string) (found []constant) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		text := strings.Join(strings.Fields(spec.Doc.Text()), " ")
		text = strings.TrimPrefix(strings.TrimPrefix(text, spec.Names[0].Name), ": ")
		found = append(found, constant{literal(spec.Values[0]), strings.TrimSpace(text)})
		return true
	})
	return found
}

// metrics returns what calls of prometheus.New… define.
func metrics(file *ast.File) (found []metric) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !strings.HasPrefix(function.Sel.Name, "New") {
			return true
		}
		if function.Sel.Name == "NewDesc" {
			found = append(found, metric{Name: literal(call.Args[0]), Kind: "gauge", Labels: labels(call.Args[2]), Help: literal(call.Args[1])})
			return false
		}
		kind := strings.TrimPrefix(function.Sel.Name, "New")
		m := metric{Kind: strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(kind, "Vec"), "Func"))}
		for _, element := range call.Args[0].(*ast.CompositeLit).Elts {
			switch field := element.(*ast.KeyValueExpr); field.Key.(*ast.Ident).Name {
			case "Name":
				m.Name = literal(field.Value)
			case "Help":
				m.Help = literal(field.Value)
			}
		}
		if len(call.Args) > 1 {
			m.Labels = labels(call.Args[1])
		}
		found = append(found, m)
		return false
	})
	slices.SortFunc(found, func(a, b metric) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// labels returns a list of string literals as Markdown.
func labels(list ast.Expr) string {
	var found []string
	for _, label := range list.(*ast.CompositeLit).Elts {
		found = append(found, "`"+literal(label)+"`")
	}
	return strings.Join(found, ", ")
}

// literal returns the value of a string literal, "" for any other expression.
func literal(e ast.Expr) string {
	basic, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	value, _ := strconv.Unquote(basic.Value)
	return value
}
