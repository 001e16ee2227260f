package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}()

// tasks is a client of the CLBTasks of a namespace, or of all if that is empty.
type tasks struct {
	*gentype.ClientWithList[*v1alpha1.CLBTask, *v1alpha1.CLBTaskList]
}

// tasksOf returns a client, and the namespace that the flags or the kubeconfig name.
func (p *plugin) tasksOf(allNamespaces bool) (client tasks, namespace string, err error) {
	namespace, _, err = p.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return tasks{}, "", err
	}
	config, err := p.config.ToRESTConfig()
	if err != nil {
		return tasks{}, "", err
	}
	config = rest.CopyConfig(config)
	config.GroupVersion, config.APIPath = &v1alpha1.GroupVersion, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	api, err := rest.RESTClientFor(config)
	if err != nil {
		return tasks{}, "", err
	}
	if allNamespaces {
		namespace = metav1.NamespaceAll
	}
	return tasks{gentype.NewClientWithList(
		"clbtasks", api, runtime.NewParameterCodec(scheme), namespace,
		func() *v1alpha1.CLBTask { return new(v1alpha1.CLBTask) },
		func() *v1alpha1.CLBTaskList { return new(v1alpha1.CLBTaskList) },
	)}, namespace, nil
}

// all lists tasks page by page, so that no answer is too large.
func (t tasks) all(ctx context.Context, options metav1.ListOptions) ([]v1alpha1.CLBTask, error) {
	var found []v1alpha1.CLBTask
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return t.List(ctx, options)
	})
	err := pages.EachListItem(ctx, options, func(object runtime.Object) error {
		found = append(found, *object.(*v1alpha1.CLBTask))
		return nil
	})
	return found, err
}

// selected is a follow.Source of the tasks that selectors name.
type selected struct {
	tasks

	labels string
	fields fields.Selector
}

// named selects one task, so that a role with resourceNames suffices.
func named(name string) fields.Selector {
	return fields.OneTermEqualSelector(metav1.ObjectNameField, name)
}

func (s selected) restrict(options metav1.ListOptions) metav1.ListOptions {
	options.LabelSelector = s.labels
	if s.fields != nil {
		options.FieldSelector = s.fields.String()
	}
	return options
}

// List implements follow.Source.
func (s selected) List(ctx context.Context, options metav1.ListOptions) (*v1alpha1.CLBTaskList, error) {
	return s.tasks.List(ctx, s.restrict(options))
}

// Watch implements follow.Source.
func (s selected) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return s.tasks.Watch(ctx, s.restrict(options))
}

// nameOf takes NAME and also TYPE/NAME, as `kubectl get -o name` prints it.
func nameOf(argument string) (string, error) {
	kind, name, typed := strings.Cut(argument, "/")
	if !typed {
		return argument, nil
	}
	switch kind {
	case "clbtask", "clbtasks", "clbt", "clbtask." + v1alpha1.GroupVersion.Group, "clbtasks." + v1alpha1.GroupVersion.Group:
		return name, nil
	}
	return "", fmt.Errorf("%s is no CLBTask", argument)
}

// explain says in words what some errors of the API server mean here.
func explain(err error) error {
	var status apierrors.APIStatus
	switch {
	case !errors.As(err, &status):
		return err
	// It is the resource that is not there, not an object of it.
	case apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return fmt.Errorf("the cluster does not know CLBTasks: install clbtask-operator, or at least its CustomResourceDefinition (%w)", err)
	}
	return err
}
