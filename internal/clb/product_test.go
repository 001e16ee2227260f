package clb

import (
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// The simulator knows the tasks of each product by the service that signed the call, and
// refuses what the API of one does not have.
func TestProducts(t *testing.T) {
	for sentence, test := range map[string]struct {
		query TaskQuery
		code  string // Of the error, empty for a status.
	}{
		"a request":                       {query: TaskQuery{TaskID: "t"}},
		"a request of clb, spelt out":     {query: TaskQuery{Product: CLB, TaskID: "t"}},
		"an order":                        {query: TaskQuery{DealName: "d"}},
		"a request of gwlb":               {query: TaskQuery{Product: GWLB, TaskID: "g"}},
		"an order is no request":          {query: TaskQuery{TaskID: "d"}, code: "InvalidParameter"},
		"a request is no order":           {query: TaskQuery{DealName: "t"}, code: "InvalidParameter"},
		"gwlb does not know those of clb": {query: TaskQuery{Product: GWLB, TaskID: "t"}, code: "InvalidParameter"},
		"clb does not know those of gwlb": {query: TaskQuery{TaskID: "g"}, code: "InvalidParameter"},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, clbsim.Config{}, fixed(pair))
			sim.AddTask(clbsim.Task{ID: "t", DealName: "d", LoadBalancerIDs: []string{"lb-1"}})
			sim.AddTask(clbsim.Task{ID: "g", Product: clbsim.GWLB, LoadBalancerIDs: []string{"lb-1"}})
			test.query.Region = "ap-guangzhou"
			status, err := api.DescribeTaskStatus(t.Context(), test.query)
			call := sim.Calls()[0]
			if test.code == "" && (err != nil || status.State != Succeeded || len(status.LoadBalancerIDs) != 1 || status.RequestID != call.RequestID) {
				t.Errorf("got %+v, %v", status, err)
			}
			if test.code != "" {
				if failed := wantError(t, err); failed.Problem != ProblemTaskNotFound || failed.Code != test.code || failed.RequestID != call.RequestID {
					t.Errorf("got %+v", failed)
				}
			}
			if call.Service != test.query.Product.service() || call.TaskID != test.query.TaskID || call.DealName != test.query.DealName || call.Region != "ap-guangzhou" {
				t.Errorf("the call was %+v", call)
			}
		})
	}
}

// The errors of gwlb mean the same as those of clb.
func TestErrorsOfGWLB(t *testing.T) {
	for code, want := range map[string]Problem{
		"UnauthorizedOperation": ProblemAccessDenied, "InternalError": ProblemAPIUnavailable, "RequestLimitExceeded": ProblemThrottled,
		"InvalidParameter.RegionNotFound": ProblemEndpointRefused, "NoSuchProduct": ProblemEndpointRefused, "FailedOperation": ProblemQueryRefused,
	} {
		api, sim := against(t, clbsim.Config{}, fixed(pair))
		sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: code, Match: func(c clbsim.Call) bool { return c.Service == clbsim.GWLB }})
		sim.AddTask(clbsim.Task{ID: "t"})
		_, err := api.DescribeTaskStatus(t.Context(), TaskQuery{Product: GWLB, Region: "ap-guangzhou", TaskID: "t"})
		if failed := wantError(t, err); failed.Problem != want || failed.Code != code {
			t.Errorf("got %v, want %s", failed, want)
		}
		if _, failed := poll(t, api); failed != nil {
			t.Errorf("clb: %v", failed)
		}
	}
}

// At Tencent Cloud's own names each product has a host, whose certificate is verified and
// which counts a quota of its own.
func TestHostsOfProducts(t *testing.T) {
	sim := clbsim.New(clbsim.Config{RequestsPerSecond: 1, Credentials: []clbsim.Credential{{SecretID: testID, SecretKey: testKey}}})
	sim.AddTask(clbsim.Task{ID: "t"})
	sim.AddTask(clbsim.Task{ID: "t", Product: clbsim.GWLB})
	api, err := NewAPI(Endpoints{}, fixed(pair), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	api.transport = validatingTransport{transportTo(t, sim)}
	for region, suffix := range map[string]string{"ap-guangzhou": ".tencentcloudapi.com", "ap-shanghai-fsi": ".ap-shanghai-fsi.tencentcloudapi.com"} {
		for _, product := range []Product{CLB, GWLB} {
			if _, err := api.DescribeTaskStatus(t.Context(), TaskQuery{Product: product, Region: region, TaskID: "t"}); err != nil {
				t.Errorf("%s in %s: %v", product, region, err)
			}
			calls := sim.Calls()
			if last := calls[len(calls)-1]; last.Host != string(product)+suffix || last.Service != string(product) || last.Throttled {
				t.Errorf("the call was %+v", last)
			}
		}
	}
}
