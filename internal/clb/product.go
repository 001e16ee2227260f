package clb

import (
	"cmp"

	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
)

// Product is a load balancer of Tencent Cloud with an API of its own: its hosts, its
// permission in CAM and its quota are its own, too. It is the name of the service in host
// names, signatures and permissions. Empty is CLB.
type Product string

// The products.
const (
	// CLB is Cloud Load Balancer.
	CLB Product = "clb"
	// GWLB is Gateway Load Balancer. It has no orders.
	GWLB Product = "gwlb"
)

// versionGWLB is that of the API of GWLB, which the SDK has in no module that the module
// proxy serves. Its DescribeTaskStatus has the same fields but for DealName.
const versionGWLB = "2024-09-06"

func (p Product) service() string { return string(cmp.Or(p, CLB)) }

// request returns the call that asks for the task.
func (q *TaskQuery) request() *sdk.DescribeTaskStatusRequest {
	request := sdk.NewDescribeTaskStatusRequest()
	if q.Product == GWLB {
		// The SDK signs and sends what the request says of itself.
		request.Init().WithApiInfo(q.Product.service(), versionGWLB, "DescribeTaskStatus")
	}
	if q.DealName != "" {
		request.DealName = &q.DealName
	} else {
		request.TaskId = &q.TaskID
	}
	// The SDK fixes a client to one region; a header of the request overrides
	// it, so that one client serves all regions of a host.
	request.SetHeader(map[string]string{"X-TC-Region": q.Region})
	return request
}
