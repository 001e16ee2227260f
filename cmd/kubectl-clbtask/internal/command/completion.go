package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
)

// shim is what kubectl runs to complete the words behind `kubectl clbtask`.
const shim = "#!/bin/sh\nexec kubectl clbtask __complete \"$@\"\n"

const shimName = "kubectl_complete-clbtask"

func (p *plugin) completion() *cobra.Command {
	var install bool
	cmd := &cobra.Command{
		Use:   "completion",
		Short: "Print the script that lets kubectl's completion complete this plugin",
		Long: `Print the script that lets kubectl's completion complete this plugin. Save it as an executable file ` + shimName + ` in a folder on
the PATH, or let --install do that. kubectl's own completion must be set up (kubectl completion --help).`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if !install {
				_, err := fmt.Fprint(p.Out, shim)
				return err
			}
			// As kubectl finds it. Krew puts a link on the PATH, not the program itself.
			program, err := exec.LookPath("kubectl-clbtask")
			if err != nil {
				return err
			}
			return p.installShim(filepath.Dir(program))
		},
	}
	cmd.Flags().BoolVar(&install, "install", false, "Write the script beside kubectl-clbtask, as the PATH finds it.")
	return cmd
}

func (p *plugin) installShim(folder string) error {
	if runtime.GOOS == "windows" {
		return errors.New("the script is for a POSIX shell: there is no completion on Windows")
	}
	file := filepath.Join(folder, shimName)
	if err := os.WriteFile(file, []byte(shim), 0o755); err != nil { //nolint:gosec // Everybody may run it.
		return err
	}
	_, err := fmt.Fprintln(p.Out, file)
	return err
}

// completeTasks completes names of tasks.
func (p *plugin) completeTasks(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, _, err := p.tasksOf(false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	found, err := client.all(cmd.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	taken := map[string]bool{}
	for _, name := range given {
		taken[name] = true
	}
	var names []string
	for i := range found {
		if !taken[found[i].Name] {
			names = append(names, found[i].Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeNamespaces completes the value of --namespace.
func (p *plugin) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	config, err := p.config.ToRESTConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	list, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(cmd.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
