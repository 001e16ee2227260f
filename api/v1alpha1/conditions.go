package v1alpha1

// Condition types of a CLBTask, in the order in which they stand in the list.
// Ready comes first because some readers stop at the first one they know.
const (
	// ConditionReady is True only when the task succeeded. It is what kstatus
	// (Flux, Helm, kpt) and Crossplane read.
	ConditionReady = "Ready"
	// ConditionSucceeded is Unknown until the verdict is known or the deadline
	// passes, then True or False, and never changes again; it stays Unknown if the
	// cloud cannot tell.
	ConditionSucceeded = "Succeeded"
	// ConditionFailed is present, and True, only when the task failed or its
	// deadline passed.
	ConditionFailed = "Failed"
	// ConditionRunning is present, and True, only while the cloud's last answer
	// is that the task is in progress.
	ConditionRunning = "Running"
	// ConditionReconciling is present, and True, while polls go on and the cloud has
	// answered or a problem is shown (kstatus: in progress).
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present, and True, when the task ended without success
	// and is polled no more (kstatus: failed).
	ConditionStalled = "Stalled"
)

// Reasons that the conditions carry, and what to do about each.
const (
	// ReasonPending: the cloud has not answered for the task yet, or not since it was
	// resumed, or taken up again as its annotation asks. Wait; if it stays, see whether
	// the operator runs, and whether the quota suffices.
	ReasonPending = "Pending"
	// ReasonInProgress: the cloud answered that the task is in progress. Wait.
	ReasonInProgress = "InProgress"
	// ReasonSuspended: spec.suspend keeps the task from being polled. Set it to false
	// to go on.
	ReasonSuspended = "Suspended"
	// ReasonTaskSucceeded: the cloud answered that the task succeeded.
	ReasonTaskSucceeded = "TaskSucceeded"
	// ReasonTaskFailed: the cloud answered that the task failed. The message has the
	// cloud's words; repair what they name, repeat the call, and follow its request with
	// a new CLBTask.
	ReasonTaskFailed = "TaskFailed"
	// ReasonDeadlineExceeded: spec.activeDeadlineSeconds passed, and the task was still
	// in progress then, or polls went on for two minutes and none was answered. The
	// request itself may still succeed: look at it in the cloud, or follow it with a
	// new CLBTask.
	ReasonDeadlineExceeded = "DeadlineExceeded"

	// ReasonThrottled: other programs use up the account's quota, so that the status is
	// no longer fresh. Lower --clb-requests-per-second or let the others call less.
	ReasonThrottled = "Throttled"
	// ReasonAPIUnavailable: the API answers with an error of its own. Wait.
	ReasonAPIUnavailable = "APIUnavailable"
	// ReasonAPIUnreachable: no usable answer arrives (time-out, DNS, TLS, proxy). If it
	// lasts, check the operator's network, its NetworkPolicy and its proxy.
	ReasonAPIUnreachable = "APIUnreachable"
	// ReasonCertificateUntrusted: the certificate of the endpoint is not trusted. Check
	// --clb-endpoint, and name the authority of a proxy that inspects TLS by --ca-file.
	ReasonCertificateUntrusted = "CertificateUntrusted"
	// ReasonUnexpectedAnswer: the answer has no status, or one that is not documented.
	// If it lasts, check whether a proxy stands in between.
	ReasonUnexpectedAnswer = "UnexpectedAnswer"

	// ReasonCredentialsMissing: the operator has no credentials. Give it some, as the
	// message says.
	ReasonCredentialsMissing = "CredentialsMissing"
	// ReasonCredentialsRejected: the API does not accept the credentials. Check the
	// SecretId, the SecretKey and the token's lifetime.
	ReasonCredentialsRejected = "CredentialsRejected"
	// ReasonClockSkew: the operator's clock is too far from the API's. Synchronise the
	// clock of its node.
	ReasonClockSkew = "ClockSkew"
	// ReasonAccessDenied: the account may not call DescribeTaskStatus. Allow
	// clb:DescribeTaskStatus, or for product gwlb gwlb:DescribeTaskStatus, on resource *
	// in CAM.
	ReasonAccessDenied = "AccessDenied"
	// ReasonEndpointRefused: the endpoint that the operator is configured with is not
	// the CLB API, or does not serve the region. Check --clb-endpoint and
	// --clb-root-domain.
	ReasonEndpointRefused = "EndpointRefused"
	// ReasonQueryRefused: the API answers FailedOperation, which says nothing of the
	// task. Wait; if it lasts, give the request ID to Tencent Cloud's support.
	ReasonQueryRefused = "QueryRefused"

	// ReasonTaskNotFound: the API does not know the request ID or deal name in that
	// region. Check both, and that the operator's account made the request. The annotation
	// clb.tencentcloud.com/reconcile-requested-at has it polled again.
	ReasonTaskNotFound = "TaskNotFound"
	// ReasonLoadBalancerNotFound: the load balancer of the request is gone. Look at it
	// in the cloud; the API cannot say how the request ended.
	ReasonLoadBalancerNotFound = "LoadBalancerNotFound"
	// ReasonInvalidRegion: the API does not serve the region. Follow the request with a
	// new CLBTask that names the region of the call.
	ReasonInvalidRegion = "InvalidRegion"
	// ReasonInvalidRequest: the API refuses the query as malformed. Follow the request
	// with a new CLBTask that names the RequestId or DealName of the call.
	ReasonInvalidRequest = "InvalidRequest"
)
