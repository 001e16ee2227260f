package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Limits of the status texts, as the schema states them. A writer of a status
// truncates to these first: a verdict must never be lost because the cloud
// answered with more than the schema takes.
const (
	// MaxMessageLength is the longest status.message, in characters.
	MaxMessageLength = 4096
	// MaxLoadBalancerIDs is the largest number of status.loadBalancerIds.
	MaxLoadBalancerIDs = 256
	// MaxIDLength is the longest request or load balancer ID, in characters.
	MaxIDLength = 128
	// MaxTokenLength is the longest status.lastHandledReconcileAt, in characters.
	MaxTokenLength = 256
)

// Product is a load balancer of Tencent Cloud with an API of its own.
// +kubebuilder:validation:Enum=clb;gwlb
type Product string

const (
	// ProductCLB is Cloud Load Balancer: what an absent spec.product means.
	ProductCLB Product = "clb"
	// ProductGWLB is Gateway Load Balancer.
	ProductGWLB Product = "gwlb"
)

// AnnotationReconcileRequestedAt asks the operator to poll the request at once, and to
// take up again a task that reads as Unknown. Any value that is not in
// status.lastHandledReconcileAt asks, such as the time.
const AnnotationReconcileRequestedAt = "clb.tencentcloud.com/reconcile-requested-at"

// CLBTaskSpec names the asynchronous request to follow.
// +kubebuilder:validation:XValidation:rule="has(self.requestId) || has(self.dealName)",fieldPath=".requestId",reason=FieldValueRequired,message="give the RequestId that the CLB call returned, or dealName for a prepaid order"
// +kubebuilder:validation:XValidation:rule="!has(self.requestId) || !has(self.dealName)",fieldPath=".dealName",reason=FieldValueForbidden,message="give requestId or dealName, not both: remove dealName if the call returned a RequestId"
// +kubebuilder:validation:XValidation:rule="has(self.requestId) == has(oldSelf.requestId) && has(self.dealName) == has(oldSelf.dealName)",message="requestId and dealName are immutable, neither can be added or removed: create another CLBTask to follow another request"
// +kubebuilder:validation:XValidation:rule="!has(self.dealName) || !has(self.product) || self.product == 'clb'",fieldPath=".dealName",reason=FieldValueForbidden,message="gwlb knows no orders: give the requestId of the call instead of dealName"
// +kubebuilder:validation:XValidation:rule="(!has(self.product) || self.product == 'clb') == (!has(oldSelf.product) || oldSelf.product == 'clb')",fieldPath=".product",message="product is immutable, and clb if it is absent: create another CLBTask to follow a request of another product"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.action) || has(self.action)",fieldPath=".action",message="action is immutable once it is set: keep it, or create another CLBTask"
type CLBTaskSpec struct {
	// requestId is the RequestId that the mutating call returned, for example the one
	// of CreateLoadBalancer. It is what DescribeTaskStatus takes as TaskId. Either
	// requestId or dealName is given. Immutable: a verdict belongs to one request.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_-]*$')",message="requestId may hold letters, digits, '-' and '_' only: give the RequestId exactly as the CLB call returned it"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="requestId is immutable: create another CLBTask to follow another request"
	RequestID string `json:"requestId,omitempty"`

	// dealName is the name of a prepaid order, as the call that placed it returned as
	// DealName. It takes the place of requestId; prefer that if the call returned
	// both. Product clb only. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_-]*$')",message="dealName may hold letters, digits, '-' and '_' only: give the DealName exactly as the CLB call returned it"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="dealName is immutable: create another CLBTask to follow another order"
	DealName string `json:"dealName,omitempty"`

	// product is whose API the request was sent to: clb, which is meant if it is
	// absent, or gwlb for a gateway load balancer. Immutable.
	// +optional
	Product Product `json:"product,omitempty"`

	// action is the call that made the request, such as CreateListener. It is shown
	// to people. The operator learns how long the requests of each call take, and polls
	// when an end is likely; a wrong action makes verdicts a little later, and does
	// nothing else. It may be set later, once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Z][A-Za-z0-9]{1,63})?$')",message="action must be the name of an API call, such as CreateListener"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="action is immutable once it is set: create another CLBTask if it is wrong"
	Action string `json:"action,omitempty"`

	// region is the Tencent Cloud region that the request was sent to, for
	// example ap-guangzhou, na-siliconvalley or ap-shanghai-fsi. Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z]{2}(-[a-z0-9]{2,20}){1,3})?$')",message="region must be a Tencent Cloud region such as ap-guangzhou, na-siliconvalley or ap-shanghai-fsi (not a zone, not a display name)"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="region is immutable: create another CLBTask to follow a request of another region"
	Region string `json:"region,omitempty"`

	// credentialsSecretRef names a Secret of the same namespace whose key polls the
	// request, for requests of an account other than the operator's: it holds secretId
	// and secretKey, and token for a temporary key. It can be changed. The operator
	// may read Secrets only in namespaces that allow it: by a RoleBinding of the
	// ClusterRole clbtask-credentials-reader to its ServiceAccount, or by the chart's
	// perTaskCredentials. Without it the operator's own key polls.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`

	// suspend keeps the operator from polling the request. While it is true the
	// task reads as Suspended; when it is false again, the request is polled at
	// once. A finished task keeps its verdict either way.
	// +optional
	Suspend bool `json:"suspend,omitempty"` //nolint:kubeapilinter // A bool as in Job and CronJob, which nobools would have as an enum.

	// activeDeadlineSeconds is how many seconds after status.startTime the task
	// fails, with reason DeadlineExceeded, if the request has not finished by then:
	// at most 31536000, a year. Before the cloud's first answer it counts from the
	// object's creation, and allows for clocks that are five minutes apart. As in a
	// Job, it begins again when a suspended task is resumed, and when one that reads
	// Unknown is taken up again. The operator polls once more at the deadline, so a request that finished while
	// nobody looked gets its verdict; if no poll is answered for two minutes, the
	// deadline stands. It says nothing of the request itself, which may still go on
	// in the cloud. It can be changed while the task has no verdict. A suspended
	// task does not fail. Without it, polling goes on for as long as it takes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	ActiveDeadlineSeconds int64 `json:"activeDeadlineSeconds,omitempty"`

	// ttlSecondsAfterFinished is how many seconds after status.completionTime the
	// operator deletes the object: 0 at once, at most 2147483647. It can be changed
	// at any time; for a finished task that takes effect within minutes. Without it
	// the object stays, unless the operator runs with --default-ttl-after-finished.
	// Do not set it if a GitOps tool keeps the object: that creates it again, and
	// the cloud may have forgotten the request by then.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	TTLSecondsAfterFinished *int64 `json:"ttlSecondsAfterFinished,omitempty"`
}

// SecretReference names a Secret in the namespace of the object.
type SecretReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')",message="name must be the name of a Secret in the same namespace"
	Name string `json:"name,omitempty"`
}

// Phase is the state of a task, in one word that is also a legal label value,
// for readers that compare scalars (Argo Workflows, field selectors).
// +kubebuilder:validation:Enum=Pending;Running;Suspended;Succeeded;Failed;Unknown
type Phase string

const (
	// PhasePending says that the cloud has not answered for this task yet, or not
	// since it was resumed or taken up again.
	PhasePending Phase = "Pending"
	// PhaseRunning says that the cloud answered that the task is in progress.
	PhaseRunning Phase = "Running"
	// PhaseSuspended says that spec.suspend is true, so that nothing is polled.
	PhaseSuspended Phase = "Suspended"
	// PhaseSucceeded says that the cloud answered that the task succeeded. It never changes.
	PhaseSucceeded Phase = "Succeeded"
	// PhaseFailed says that the cloud answered that the task failed, or that the
	// task's deadline passed without a verdict. It never changes.
	PhaseFailed Phase = "Failed"
	// PhaseUnknown says that the cloud does not know the request or its load balancer,
	// does not serve the region, or refuses the request as malformed. Nothing was
	// decided about the task, and it is polled no more unless the annotation
	// clb.tencentcloud.com/reconcile-requested-at asks for it.
	PhaseUnknown Phase = "Unknown"
)

// Final reports whether a task in this phase is polled no more.
func (p Phase) Final() bool {
	return p == PhaseSucceeded || p == PhaseFailed || p == PhaseUnknown
}

// CLBTaskStatus is how the request stands. The controller alone writes it.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.phase) || !(oldSelf.phase in ['Succeeded', 'Failed']) || (has(self.phase) && self.phase == oldSelf.phase)",message="status.phase is immutable once it is Succeeded or Failed: a verdict never changes"
type CLBTaskStatus struct {
	// A time's schema allows a list, which no program can read that reads CLBTasks: the operator would see none of
	// them. Hence the rules of times, none of which can be evaluated for a list, so that the API server refuses it.

	// conditions say how the task stands, for kubectl wait, kstatus, Argo CD and
	// others. Ready and Succeeded are always there; Failed, Running, Reconciling
	// and Stalled only while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('1970-01-01T00:00:00Z'))",message="lastTransitionTime must be a time, such as 2026-01-31T12:00:00Z"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status speaks of; -1
	// until a controller has written. The status of a finished task speaks of every
	// later generation, too, since no change of the spec alters it: the operator
	// brings it up to date within minutes.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase is the state of the task, in one word.
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// startTime is when the cloud first answered for this task, or first since it was
	// resumed or taken up again. A suspended task has none.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('1970-01-01T00:00:00Z')",message="startTime must be a time, such as 2026-01-31T12:00:00Z"
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the task reached a final phase, success or not, so that
	// waiting for this field means waiting for "done, either way".
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('1970-01-01T00:00:00Z')",message="completionTime must be a time, such as 2026-01-31T12:00:00Z"
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation
	// clb.tencentcloud.com/reconcile-requested-at that the operator has acted on, or
	// its first 256 characters. Wait for it before you wait for anything else; it
	// takes up to six minutes if the task has its verdict, which is not polled for
	// again, and until it is resumed if the task is suspended.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// message is what the cloud said of the end, such as the reason of a failure.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`

	// loadBalancerIds are the load balancers that the cloud named with the
	// verdict; filled for creations.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	LoadBalancerIDs []string `json:"loadBalancerIds,omitempty"`

	// apiRequestId is the RequestId of the DescribeTaskStatus call behind this
	// status: the one that Tencent Cloud's support asks for. A suspension or a
	// deadline, which no call is behind, leaves it as it was.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	APIRequestID string `json:"apiRequestId,omitempty"`
}

// CLBTask follows one asynchronous request of Tencent Cloud's load balancer
// (CLB) to its end, and shows that end as conditions.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=clbtasks,singular=clbtask,shortName=clbt,categories=tencentcloud,scope=Namespaced
// +kubebuilder:selectablefield:JSONPath=`.spec.region`
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Region",type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name="Request ID",type=string,JSONPath=`.spec.requestId`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Product",type=string,priority=1,JSONPath=`.spec.product`
// +kubebuilder:printcolumn:name="Deal Name",type=string,priority=1,JSONPath=`.spec.dealName`
// +kubebuilder:printcolumn:name="Action",type=string,priority=1,JSONPath=`.spec.action`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Load Balancers",type=string,priority=1,JSONPath=`.status.loadBalancerIds`
type CLBTask struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the request to follow.
	// +required
	Spec CLBTaskSpec `json:"spec,omitzero"`

	// status is how the request stands. Until the operator writes it, at the
	// first answer, problem or suspension, it reads as Pending with an observedGeneration
	// of -1, so that no tool takes such a task for a finished one.
	// +optional
	// +default={"observedGeneration":-1,"phase":"Pending","conditions":[{"type":"Ready","status":"False","reason":"Pending","message":"Waiting for the controller","lastTransitionTime":"1970-01-01T00:00:00Z"},{"type":"Succeeded","status":"Unknown","reason":"Pending","message":"Waiting for the controller","lastTransitionTime":"1970-01-01T00:00:00Z"}]}
	Status CLBTaskStatus `json:"status,omitzero"`
}

// CLBTaskList is a list of CLBTasks.
// +kubebuilder:object:root=true
type CLBTaskList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the tasks.
	Items []CLBTask `json:"items"`
}
