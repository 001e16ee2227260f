// Package clb is all that clbtask-operator knows of Tencent Cloud: which host
// answers for a region, how a call is signed and by whom, and what an answer or
// an error means. It offers one typed call, API.DescribeTaskStatus, on top of
// the official SDK.
//
// It does not decide when to ask (package polling does), it never retries, and
// it does not know Kubernetes. The facts come from Tencent Cloud's API pages
// (214/33823 DescribeTaskStatus, 214/33849 common parameters and error codes)
// and from the source of the SDK.
package clb
