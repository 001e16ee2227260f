package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "clb.tencentcloud.com", Version: "v1alpha1"}

// SchemeGroupVersion is GroupVersion by the name that generated code uses.
var SchemeGroupVersion = GroupVersion

// AddToScheme registers the types of this package with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &CLBTask{}, &CLBTaskList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
