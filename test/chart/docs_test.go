package chart_test

import (
	"bytes"
	"strings"
	"testing"

	helmcmd "helm.sh/helm/v4/pkg/cmd"

	"github.com/clbtask/clbtask-operator/internal/testenv/docs"
)

// notHere are the commands of Helm that TestHelmCommands does not run, by how they begin,
// and why.
var notHere = map[string]string{
	"helm install clbtask-operator ... --take-ownership": "TestAReleaseComesChangesAndGoes takes objects over",
	"helm upgrade --install create-lb ":                  "it waits for a verdict: test/gitops lets Helm wait",
	"helm upgrade --install web ./web":                   "it is a chart of the reader's",
}

// remove is what a page may leave to do.
const remove = "uninstall clbtask-operator --namespace clbtask-system --ignore-not-found"

// Every command of the documentation that calls Helm runs, with the program's own code, or
// is listed above. The others run in cmd/kubectl-clbtask.
func TestHelmCommands(t *testing.T) {
	removeCRD(t)
	commands, err := docs.Commands(root)
	ok(t, err)
	t.Chdir(root)
	commands, unused := docs.Except(commands, notHere)
	page, runs := "", 0
	for _, command := range commands {
		text, ofHelm := strings.CutPrefix(command.Text, "helm ")
		if !ofHelm {
			continue
		}
		if page != command.Page {
			page = command.Page
			runHelm(t, remove)
		}
		runHelm(t, text)
		runs++
	}
	runHelm(t, remove)
	if runs == 0 || unused != nil {
		t.Errorf("%d commands were run; there is no command that begins with %q", runs, unused)
	}
}

// runHelm runs a command without quotes.
func runHelm(t *testing.T, text string) {
	t.Helper()
	args := append(strings.Fields(strings.ReplaceAll(text, "\\\n", " ")), "--kubeconfig="+kubeconfig)
	var out bytes.Buffer
	command, err := helmcmd.NewRootCmd(&out, args, func(bool) {})
	ok(t, err)
	command.SetArgs(args)
	command.SetErr(&out)
	if err := command.Execute(); err != nil {
		t.Errorf("helm %s: %v\n%s", text, err, &out)
	}
}
