package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/answer"
)

// tracking are the flags of track.
type tracking struct {
	waiting

	region, name, action, product string
	deadline                      time.Duration
	ttl                           *time.Duration // nil if it is not given: 0 means at once.
	force, wait                   bool
}

func (p *plugin) track() *cobra.Command {
	t := &tracking{waiting: waiting{output: newOutput()}}
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "track (REQUEST_ID | -)",
		Short: "Create the CLBTask of a request, or use the one that is there",
		Long: `Create the CLBTask of a request, or use the one that is there. Its name is the request ID, unless --name says otherwise.

- reads what tccli, an SDK or curl printed: answers as JSON, with or without the outer "Response", JSON strings, or bare IDs, one a line. An answer without
a RequestId is followed by its DealName, that of a prepaid order. The region is that of --region, else of TENCENTCLOUD_REGION, else of the profile of tccli.

` + exitCodes,
		Example: `  tccli clb CreateListener --region ap-guangzhou ... | kubectl clbtask track - --region ap-guangzhou --wait
  kubectl clbtask track 0b9f6f5e-7d51-4c58-9a0e-3c1b8a4d2e61 --region ap-guangzhou --deadline 1h`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("ttl") {
				t.ttl = &ttl
			}
			return p.runTrack(cmd.Context(), args[0], t)
		},
	}
	t.addTo(cmd)
	t.addOwnTo(cmd)
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "How long after its end the CLBTask is deleted, such as 24h, in whole seconds (spec.ttlSecondsAfterFinished). Without it, it stays.")
	return cmd
}

// addOwnTo adds the flags that only track has.
func (t *tracking) addOwnTo(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.region, "region", "", "Region that the call was sent to, such as ap-guangzhou.")
	cmd.Flags().StringVar(&t.name, "name", "", "Name of the CLBTask; the default is the request ID.")
	cmd.Flags().StringVar(&t.action, "action", "", "Call that made the request, such as CreateListener; the default is what the answer shows (spec.action).")
	cmd.Flags().StringVar(&t.product, "product", "", "Whose API the call was sent to: clb, which is the default, or gwlb for gateway load balancers (spec.product).")
	cmd.Flags().DurationVar(&t.deadline, "deadline", 0, "How long the request may take before the task fails, in whole seconds (spec.activeDeadlineSeconds).")
	cmd.Flags().BoolVar(&t.force, "force", false, "Track the RequestId of an answer that looks like that of a query or of a call without a task, too.")
	cmd.Flags().BoolVar(&t.wait, "wait", false, "Wait until the task has ended, and exit by how it did.")
	// It cannot fail: the flag is there.
	_ = cmd.RegisterFlagCompletionFunc("product", cobra.FixedCompletions([]string{string(v1alpha1.ProductCLB), string(v1alpha1.ProductGWLB)}, cobra.ShellCompDirectiveNoFileComp))
}

func (p *plugin) runTrack(ctx context.Context, argument string, t *tracking) error {
	if err := t.checkAction(); err != nil {
		return err
	}
	if t.deadline < 0 || t.deadline%time.Second != 0 {
		return fmt.Errorf("--deadline=%s: give whole seconds", t.deadline)
	}
	if t.ttl != nil && (*t.ttl < 0 || *t.ttl%time.Second != 0) {
		return fmt.Errorf("--ttl=%s: give whole seconds", *t.ttl)
	}
	if err := t.check(); err != nil {
		return err
	}
	requests, err := p.requests(ctx, argument, t.force)
	if err != nil {
		return err
	}
	if t.name != "" && len(requests) > 1 {
		return fmt.Errorf("the input has %d requests, which cannot share the name %s", len(requests), t.name)
	}
	home, _ := os.UserHomeDir() // Without one there is no profile.
	region, err := regionOf(t.region, os.Getenv, home)
	if err != nil {
		return err
	}
	client, namespace, err := p.tasksOf(false)
	if err != nil {
		return err
	}
	wanted := make([]*v1alpha1.CLBTask, len(requests))
	for i, request := range requests {
		if wanted[i], err = t.task(request, region); err != nil {
			return err
		}
	}
	var keys []string
	var there []v1alpha1.CLBTask
	for _, task := range wanted {
		stored, what, err := ensure(ctx, client, task)
		if err != nil {
			return p.stopped(err, there, len(wanted))
		}
		keys, there = append(keys, namespace+"/"+stored.Name), append(there, *stored)
		if t.wait && !t.quiet {
			_, _ = fmt.Fprintf(p.ErrOut, "clbtask %s in %s: %s\n", stored.Name, namespace, what)
		}
		if !t.wait && !t.custom() {
			if err := t.line(p.Out, stored, what); err != nil {
				return err
			}
		}
	}
	switch {
	case t.wait:
		return p.waitFor(ctx, client, "", keys, &t.waiting)
	case t.custom():
		return t.objects(p.Out, there)
	}
	return nil
}

// stopped says what was created before an error: those requests are tracked.
func (*plugin) stopped(err error, there []v1alpha1.CLBTask, all int) error {
	if all == 1 {
		return err
	}
	return fmt.Errorf("%w (%d of %d requests are tracked)", err, len(there), all)
}

// requests reads the argument, or standard input.
func (p *plugin) requests(ctx context.Context, argument string, force bool) ([]answer.Request, error) {
	if argument != "-" {
		return answer.Read(strings.NewReader(argument), force)
	}
	type result struct {
		requests []answer.Request
		err      error
	}
	read := make(chan result, 1) // A read of a terminal does not end by a signal.
	go func() {
		requests, err := answer.Read(p.In, force)
		read <- result{requests, err}
	}()
	select {
	case r := <-read:
		return r.requests, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// task returns the CLBTask of a request.
func (t *tracking) task(request answer.Request, region string) (*v1alpha1.CLBTask, error) {
	name := t.name
	if name == "" {
		id := cmp.Or(request.ID, request.DealName)
		name = strings.ToLower(id)
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			return nil, fmt.Errorf("%s is no name of a Kubernetes object: give one by --name", id)
		}
	}
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.CLBTaskSpec{
			RequestID: request.ID, DealName: request.DealName, Region: region, Action: t.actionOf(request), Product: v1alpha1.Product(t.product),
			ActiveDeadlineSeconds: int64(t.deadline / time.Second),
		},
	}
	if t.ttl != nil {
		task.Spec.TTLSecondsAfterFinished = new(int64(*t.ttl / time.Second))
	}
	return task, nil
}

// withoutTask are calls that no task of DescribeTaskStatus belongs to.
var withoutTask = []string{"BatchRegisterTargets", "BatchDeregisterTargets", "BatchModifyTargetTag", "ModifyBlockIPList"}

// checkAction refuses a call that has no task, unless that is forced.
func (t *tracking) checkAction() error {
	if !t.force && (slices.Contains(withoutTask, t.action) || strings.HasPrefix(t.action, "Describe")) {
		return fmt.Errorf("%s has no task to track; --force tracks its RequestId all the same", t.action)
	}
	return nil
}

// actionOf returns the call that made a request, as far as it is known.
func (t *tracking) actionOf(request answer.Request) string {
	if t.action == "" && t.product == string(v1alpha1.ProductGWLB) && request.Action == "CreateLoadBalancer" {
		return "CreateGatewayLoadBalancer" // Its answer has the same fields.
	}
	return cmp.Or(t.action, request.Action)
}

func productOf(task *v1alpha1.CLBTask) v1alpha1.Product {
	return cmp.Or(task.Spec.Product, v1alpha1.ProductCLB)
}

// idOf returns what names the request.
func idOf(task *v1alpha1.CLBTask) string { return cmp.Or(task.Spec.RequestID, task.Spec.DealName) }

// ensure creates a task, or returns the one that is there if it is of the same request: a
// script that is run again goes on instead of failing.
func ensure(ctx context.Context, client tasks, task *v1alpha1.CLBTask) (stored *v1alpha1.CLBTask, what string, err error) {
	stored, err = client.Create(ctx, task, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return stored, "created", err
	}
	stored, getErr := client.Get(ctx, task.Name, metav1.GetOptions{})
	switch {
	case getErr != nil:
		return nil, "", errors.Join(err, getErr)
	case stored.Spec.RequestID != task.Spec.RequestID || stored.Spec.DealName != task.Spec.DealName || stored.Spec.Region != task.Spec.Region || productOf(stored) != productOf(task):
		return nil, "", fmt.Errorf("the CLBTask %s is there, but follows %s of %s in %s: give another name by --name", task.Name, idOf(stored), productOf(stored), stored.Spec.Region)
	}
	return stored, "unchanged", nil
}
