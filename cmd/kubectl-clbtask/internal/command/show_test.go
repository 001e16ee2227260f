package command

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

func TestList(t *testing.T) {
	for sentence, test := range map[string]struct {
		args []string
		want string
	}{
		"how long each took": {nil, `
NAME   PHASE       REASON          ACTION           REGION         REQUEST ID   DURATION   AGE
a      Succeeded   TaskSucceeded   CreateListener   ap-guangzhou   r-a          5s         30s
b      Running     InProgress                       ap-guangzhou   d-b          30s        30s
`},
		"of all namespaces, without headers": {[]string{"-A", "--no-headers"}, `
ns    a     Succeeded   TaskSucceeded   CreateListener   ap-guangzhou   r-a   5s    30s
ns    b     Running     InProgress                       ap-guangzhou   d-b   30s   30s
`},
		"with the message": {[]string{"-o", "wide", "--field-selector=status.phase=Running"}, `
NAME   PHASE     REASON       ACTION   REGION         REQUEST ID   DURATION   AGE   MESSAGE
b      Running   InProgress            ap-guangzhou   d-b          30s        30s   The task is in progress.
`},
		"as names":           {[]string{"-o", "name"}, "\n" + prefix + "a\n" + prefix + "b\n"},
		"as a list":          {[]string{"-o", "jsonpath={.kind} {.items[*].kind}"}, "\nList CLBTask CLBTask"},
		"none of that phase": {[]string{"--field-selector=status.phase=Failed"}, "\nNo CLBTasks in namespace ns.\n"},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.make("a", func(task *v1alpha1.CLBTask) { task.Spec.Action = "CreateListener" })
				b.make("b", ofOrder("d-b"))
				b.change(2*time.Second, "b", running)
				b.change(5*time.Second, "a", succeeded)
				<-time.After(30 * time.Second)
				code, stdout, stderr := b.run(b.Context(), "", append([]string{"list"}, test.args...)...)
				if code != exit.Succeeded || trim(stdout+stderr) != test.want[1:] {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
			})
		})
	}
}

// trim removes spaces at the end of lines.
func trim(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		trimmed := strings.TrimRight(line, " \n")
		lines = append(lines, trimmed+strings.Repeat("\n", strings.Count(line, "\n")))
	}
	return strings.Join(lines, "")
}

func TestDescribe(t *testing.T) {
	for sentence, test := range map[string]struct {
		spec, change func(*v1alpha1.CLBTask)
		want         string
	}{
		"a task that failed": {func(task *v1alpha1.CLBTask) { task.Spec.ActiveDeadlineSeconds = 3600 }, failed, `
Name:           a
Namespace:      ns
Request ID:     r-a
Region:         ap-guangzhou
Deadline:       1h0m0s
Created:        2000-01-01T00:00:00Z
First answer:   2000-01-01T00:00:05Z
Completed:      2000-01-01T00:00:05Z
Phase:          Failed, after 5s
Reason:         TaskFailed
Message:        The task failed: No room for more.
It means:       ` + reasons[v1alpha1.ReasonTaskFailed].Meaning + `
What to do:     ` + reasons[v1alpha1.ReasonTaskFailed].Remedy + `
`},
		"an order without an answer yet": {ofOrder("d-a"), nil, `
Name:         a
Namespace:    ns
Deal name:    d-a
Region:       ap-guangzhou
Created:      2000-01-01T00:00:00Z
Phase:        Pending, for 30s
Reason:       Pending
Message:      Waiting for the controller
It means:     ` + reasons[v1alpha1.ReasonPending].Meaning + `
What to do:   See whether clbtask-operator runs and watches the namespace ns. If so, the first poll may wait for the quota.
`},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.make("a", test.spec)
				if test.change != nil {
					b.change(5*time.Second, "a", test.change)
				}
				<-time.After(30 * time.Second)
				code, stdout, stderr := b.run(b.Context(), "", "describe", "a")
				if code != exit.Succeeded || stdout != test.want[1:] {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
			})
		})
	}
}

// Whatever the operator writes as a reason, describe explains it.
func TestReasonsAreExplained(t *testing.T) {
	source, err := os.ReadFile("../../../../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, reason := range reasons {
		if !strings.Contains(string(source), `= "`+name+`"`) || !strings.HasSuffix(reason.Meaning, ".") {
			t.Errorf("%+v", reason)
		}
	}
	if all := strings.Count(string(source), "\tReason"); len(reasons) != all {
		t.Errorf("%d of %d reasons are explained", len(reasons), all)
	}
}

func TestOtherCommands(t *testing.T) {
	for sentence, test := range map[string]struct {
		args   []string
		code   exit.Code
		stdout string
	}{
		"the version":                        {[]string{"version"}, exit.Succeeded, "("},
		"it is a flag, too":                  {[]string{"--version"}, exit.Succeeded, "("},
		"the help has the exit codes":        {[]string{"--help"}, exit.Succeeded, "124  timed out"},
		"so has that of wait":                {[]string{"wait", "--help"}, exit.Succeeded, "kubectl clbtask wait (NAME"},
		"no command at all prints the help":  {nil, exit.Succeeded, "Available Commands"},
		"a command that there is not":        {[]string{"follow"}, exit.NotFoundOut, ""},
		"a task that there is not":           {[]string{"describe", "z"}, exit.NotFoundOut, ""},
		"the script of completion":           {[]string{"completion"}, exit.Succeeded, "exec kubectl clbtask __complete"},
		"names are completed":                {[]string{"__complete", "wait", ""}, exit.Succeeded, "a\nb\n:4\n"},
		"those that are given are not again": {[]string{"__complete", "describe", "a", ""}, exit.Succeeded, "b\n:4\n"},
		"formats are completed":              {[]string{"__complete", "list", "-o", ""}, exit.Succeeded, "\nwide\n"},
		"commands are completed":             {[]string{"__complete", "de"}, exit.Succeeded, "describe\t"},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.make("a")
				b.make("b")
				code, stdout, stderr := b.run(b.Context(), "", test.args...)
				if code != test.code || !strings.Contains(stdout, test.stdout) {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
			})
		})
	}
}

// docs/plugin.md names every command, and no flag that there is not.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := (&plugin{config: genericclioptions.NewConfigFlags(false)}).root().Commands()
	for _, command := range commands {
		if !strings.Contains(string(page), "\n| `"+command.Name()) {
			t.Errorf("it does not name %s", command.Name())
		}
	}
	for _, flag := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(string(page), -1) {
		foreign := flag == "--waiter" || flag == "--manifest" // Those of tccli and krew.
		if !foreign && !slices.ContainsFunc(commands, func(command *cobra.Command) bool { return command.Flag(flag[2:]) != nil }) {
			t.Errorf("there is no %s", flag)
		}
	}
}

func TestInstallShim(t *testing.T) {
	folder := t.TempDir()
	var out strings.Builder
	p := &plugin{IOStreams: genericiooptions.IOStreams{Out: &out}}
	if err := p.installShim(folder); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, shimName))
	if err != nil || info.Mode().Perm()&0o111 == 0 || out.String() != filepath.Join(folder, shimName)+"\n" {
		t.Errorf("%v, %v, %q", info, err, out.String())
	}
}
