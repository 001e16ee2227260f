// Program reference writes the reference of what users see, from the code itself: the
// reasons and condition types from their comments in api/v1alpha1, the metrics from
// their definitions in controllers, and the flags from the operator's --help.
//
// `make generate` runs it in the root of the repository:
//
//	go run ./hack/reference --manager bin/manager > docs/reference.md
package main

import (
	"cmp"
	_ "embed"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed reference.md.tmpl
var page string

// reference is what the page shows.
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
	if err := write(os.Stdout, *manager); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func write(out io.Writer, manager string) error {
	var r reference
	conditions, err := parse("api/v1alpha1/conditions.go")
	if err != nil {
		return err
	}
	r.Conditions, r.Reasons = constants(conditions, "Condition"), constants(conditions, "Reason")
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
	return template.Must(template.New("page").Parse(page)).Execute(out, r)
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
		m := metric{Kind: strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(function.Sel.Name, "New"), "Vec"))}
		for _, element := range call.Args[0].(*ast.CompositeLit).Elts {
			switch field := element.(*ast.KeyValueExpr); field.Key.(*ast.Ident).Name {
			case "Name":
				m.Name = literal(field.Value)
			case "Help":
				m.Help = literal(field.Value)
			}
		}
		if len(call.Args) > 1 {
			var labels []string
			for _, label := range call.Args[1].(*ast.CompositeLit).Elts {
				labels = append(labels, "`"+literal(label)+"`")
			}
			m.Labels = strings.Join(labels, ", ")
		}
		found = append(found, m)
		return false
	})
	slices.SortFunc(found, func(a, b metric) int { return cmp.Compare(a.Name, b.Name) })
	return found
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
