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
	// ConditionReconciling is present, and True, while the controller goes on
	// polling (kstatus: in progress).
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present, and True, when the task ended without success
	// and is polled no more (kstatus: failed).
	ConditionStalled = "Stalled"
)

// Reasons that the conditions carry.
const (
	// ReasonPending: no controller has seen the task yet, or it was resumed and
	// the cloud has not answered since.
	ReasonPending = "Pending"
	// ReasonInProgress: the cloud answered that the task is in progress.
	ReasonInProgress = "InProgress"
	// ReasonSuspended: spec.suspend keeps the task from being polled.
	ReasonSuspended = "Suspended"
	// ReasonTaskSucceeded: the cloud answered that the task succeeded.
	ReasonTaskSucceeded = "TaskSucceeded"
	// ReasonTaskFailed: the cloud answered that the task failed.
	ReasonTaskFailed = "TaskFailed"
	// ReasonDeadlineExceeded: spec.activeDeadlineSeconds passed, and the task was
	// still in progress then, or no poll was answered for two minutes.
	ReasonDeadlineExceeded = "DeadlineExceeded"

	// ReasonThrottled: the account's quota is used up by others for so long that
	// the status is no longer fresh.
	ReasonThrottled = "Throttled"
	// ReasonAPIUnavailable: the API answers with an error of its own.
	ReasonAPIUnavailable = "APIUnavailable"
	// ReasonAPIUnreachable: no usable answer arrives (time-out, DNS, TLS, proxy).
	ReasonAPIUnreachable = "APIUnreachable"
	// ReasonCertificateUntrusted: the certificate of the endpoint is not trusted.
	ReasonCertificateUntrusted = "CertificateUntrusted"
	// ReasonUnexpectedAnswer: the answer has no status, or one that is not
	// documented.
	ReasonUnexpectedAnswer = "UnexpectedAnswer"

	// ReasonCredentialsMissing: the operator has no credentials.
	ReasonCredentialsMissing = "CredentialsMissing"
	// ReasonCredentialsRejected: the API does not accept the credentials.
	ReasonCredentialsRejected = "CredentialsRejected"
	// ReasonClockSkew: the operator's clock is too far from the API's.
	ReasonClockSkew = "ClockSkew"
	// ReasonAccessDenied: the account may not call DescribeTaskStatus.
	ReasonAccessDenied = "AccessDenied"
	// ReasonEndpointRefused: the endpoint that the operator is configured with is not
	// the CLB API, or does not serve the region.
	ReasonEndpointRefused = "EndpointRefused"
	// ReasonQueryRefused: the API answers FailedOperation, which says nothing of
	// the task.
	ReasonQueryRefused = "QueryRefused"

	// ReasonTaskNotFound: the API does not know the request ID in that region.
	ReasonTaskNotFound = "TaskNotFound"
	// ReasonLoadBalancerNotFound: the load balancer of the request is gone.
	ReasonLoadBalancerNotFound = "LoadBalancerNotFound"
	// ReasonInvalidRegion: the API does not serve the region.
	ReasonInvalidRegion = "InvalidRegion"
	// ReasonInvalidRequest: the API refuses the query as malformed.
	ReasonInvalidRequest = "InvalidRequest"
)
