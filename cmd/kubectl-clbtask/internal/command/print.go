package command

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// output prints tasks as -o says, or a line for each.
type output struct{ flags *genericclioptions.PrintFlags }

func newOutput() output {
	return output{genericclioptions.NewPrintFlags("").WithTypeSetter(scheme)}
}

// addTo adds the flags. others are formats that the command has beside those of kubectl.
func (o output) addTo(cmd *cobra.Command, others ...string) {
	o.flags.AddFlags(cmd)
	formats := append(o.flags.AllowedFormats(), others...)
	// It cannot fail: the flag is there.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// custom reports whether -o or --template asks for something else than lines.
func (o output) custom() bool {
	return *o.flags.OutputFormat != "" || *o.flags.TemplatePrinterFlags.TemplateArgument != ""
}

// check reports a format that there is not, before anything is done.
func (o output) check() error {
	_, err := o.flags.ToPrinter()
	return err
}

// line prints one task, with what has become of it unless -o says otherwise.
func (o output) line(out io.Writer, task *v1alpha1.CLBTask, what string) error {
	o.flags.NamePrintFlags.Operation = oneLine(what)
	printer, err := o.flags.ToPrinter()
	if err != nil {
		return err
	}
	return printer.PrintObj(task, out)
}

// objects prints tasks as -o says: one as itself, several as a List.
func (o output) objects(out io.Writer, tasks []v1alpha1.CLBTask) error {
	printer, err := o.flags.ToPrinter()
	if err != nil {
		return err
	}
	if len(tasks) == 1 {
		return printer.PrintObj(&tasks[0], out)
	}
	if *o.flags.OutputFormat == "name" {
		for i := range tasks {
			if err := printer.PrintObj(&tasks[i], out); err != nil {
				return err
			}
		}
		return nil
	}
	// As kubectl prints several objects.
	list := &metav1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}, Items: []runtime.RawExtension{}}
	for i := range tasks {
		tasks[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CLBTask"))
		list.Items = append(list.Items, runtime.RawExtension{Object: &tasks[i]})
	}
	return printer.PrintObj(list, out)
}

// oneLine keeps a text of the cloud from looking like several results.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
