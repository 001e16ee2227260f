// Package clb holds all that clbtask-operator knows about Tencent Cloud: which
// host serves a product in a region, how a call is signed, and what an answer or an error
// means. It offers typed calls on top of the official SDK: API.DescribeTaskStatus,
// and those of STS that its sub-package credentials needs to sign it.
//
// It does not decide when to poll (package polling does) or what a problem means
// for a task (package lifecycle does). It never retries, and it does not know
// Kubernetes. The facts come from Tencent Cloud's API pages (214/33823
// DescribeTaskStatus, 214/33849 common parameters and error codes) and from the
// source of the SDK.
package clb
