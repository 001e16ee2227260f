// Package v1alpha1 is the API that users of clbtask-operator write and read:
// the CLBTask, which names one asynchronous request of Tencent Cloud's load
// balancer (CLB) and carries how that request ended.
//
// It holds types, schema markers and the names of conditions and reasons.
// It does not decide anything: how an answer of the cloud becomes a status is
// the matter of package internal/lifecycle.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=clb.tencentcloud.com
package v1alpha1
