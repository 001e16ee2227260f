package clbsim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	clb "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerr "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

var (
	permanent = clbsim.Credential{SecretID: "AKIDpermanent", SecretKey: "not-a-secret"}
	temporary = clbsim.Credential{SecretID: "AKIDtemporary", SecretKey: "no-secret-either", Token: "token"}
)

// serveTLS starts a simulator that is known by the names of the real hosts.
func serveTLS(t *testing.T, c clbsim.Config) (*clbsim.Simulator, *clbsim.Server) {
	t.Helper()
	c.Credentials = append(c.Credentials, permanent, temporary)
	sim := clbsim.New(c)
	server, err := sim.StartTLS("127.0.0.1:0", "*.tencentcloudapi.com", "*.ap-shanghai-fsi.tencentcloudapi.com", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	return sim, server
}

func closeAtEnd(t *testing.T, c io.Closer) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// sdk is the real client of the real API, whose connections end at the server.
func sdk(t *testing.T, server *clbsim.Server, c clbsim.Credential, region, host string) *clb.Client {
	t.Helper()
	p := profile.NewClientProfile()
	p.Language = "en-US"
	p.DisableRegionBreaker = true
	p.HttpProfile.Endpoint = host
	client, err := clb.NewClient(common.NewTokenCredential(c.SecretID, c.SecretKey, c.Token), region, p)
	if err != nil {
		t.Fatal(err)
	}
	transport := server.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	client.WithHttpTransport(transport)
	return client
}

func describe(ctx context.Context, client *clb.Client, taskID string) (*clb.DescribeTaskStatusResponseParams, error) {
	request := clb.NewDescribeTaskStatusRequest()
	request.TaskId = &taskID
	response, err := client.DescribeTaskStatusWithContext(ctx, request)
	if err != nil {
		return nil, err
	}
	return response.Response, nil
}

// codeOf is the error code as the SDK tells it, "" for no error.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	var sdkErr *tcerr.TencentCloudSDKError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &sdkErr):
		t.Fatalf("the error is not the SDK's: %v", err)
	}
	return sdkErr.Code
}

func TestSDK(t *testing.T) {
	t.Parallel()
	const main, finance = "clb.tencentcloudapi.com", "clb.ap-shanghai-fsi.tencentcloudapi.com"
	withToken := func(token string) clbsim.Credential {
		c := temporary
		c.Token = token
		return c
	}
	tests := map[string]struct {
		credential clbsim.Credential
		region     string
		host       string
		task       string
		code       string
	}{
		"a key pair is accepted":                 {permanent, "ap-guangzhou", main, "t", ""},
		"a temporary credential is accepted":     {temporary, "ap-guangzhou", main, "t", ""},
		"a missing token is refused":             {withToken(""), "ap-guangzhou", main, "t", "AuthFailure.TokenFailure"},
		"a wrong token is refused":               {withToken("nekot"), "ap-guangzhou", main, "t", "AuthFailure.TokenFailure"},
		"a wrong key is refused":                 {clbsim.Credential{SecretID: permanent.SecretID, SecretKey: "wrong"}, "ap-guangzhou", main, "t", "AuthFailure.SignatureFailure"},
		"an unknown ID is refused":               {clbsim.Credential{SecretID: "AKIDother", SecretKey: "k"}, "ap-guangzhou", main, "t", "AuthFailure.SecretIdNotFound"},
		"an unknown task is refused":             {permanent, "ap-guangzhou", main, "x", "InvalidParameter"},
		"a finance region on the main host":      {permanent, "ap-shanghai-fsi", main, "t", "UnsupportedRegion"},
		"a finance region on its own host":       {permanent, "ap-shanghai-fsi", finance, "t", ""},
		"another region on a finance host":       {permanent, "ap-guangzhou", finance, "t", "UnsupportedRegion"},
		"no region at all":                       {permanent, "", main, "t", "MissingParameter"},
		"a host that the certificate is not for": {permanent, "ap-guangzhou", "clb.example.com", "t", "ClientError.NetworkError"},
		"a host that is not configured":          {permanent, "ap-guangzhou", "192.0.2.1", "t", "NoSuchProduct"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			sim, server := serveTLS(t, clbsim.Config{Hosts: map[string][]string{main: nil, finance: {"ap-shanghai-fsi"}}})
			sim.AddTask(clbsim.Task{ID: "t", LoadBalancerIDs: []string{"lb-1"}})

			got, err := describe(t.Context(), sdk(t, server, test.credential, test.region, test.host), test.task)
			if code := codeOf(t, err); code != test.code {
				t.Fatalf("the SDK says %v, want the code %q", err, test.code)
			}
			if err != nil {
				return
			}
			if *got.Status != 0 || len(got.LoadBalancerIds) != 1 || *got.LoadBalancerIds[0] != "lb-1" || got.Message != nil {
				t.Errorf("the SDK reads %+v", got)
			}
			call := sim.CallsFor(test.task)[0]
			if call.Language != "en-US" || call.Host != test.host || call.RequestID != *got.RequestId || call.UserAgent == "" {
				t.Errorf("the log says %+v", call)
			}
		})
	}
}

func TestSDKWithUnsignedPayload(t *testing.T) {
	t.Parallel()
	sim, server := serveTLS(t, clbsim.Config{})
	sim.AddTask(clbsim.Task{ID: "t"})
	p := profile.NewClientProfile()
	p.UnsignedPayload = true
	client, err := clb.NewClient(common.NewCredential(permanent.SecretID, permanent.SecretKey), "ap-guangzhou", p)
	if err != nil {
		t.Fatal(err)
	}
	client.WithHttpTransport(server.Transport())
	if _, err := describe(t.Context(), client, "t"); err != nil {
		t.Error(err)
	}
}

func TestSDKWithSkewedClock(t *testing.T) {
	t.Parallel()
	sim, server := serveTLS(t, clbsim.Config{Now: func() time.Time { return time.Now().Add(10 * time.Minute) }})
	sim.AddTask(clbsim.Task{ID: "t"})
	_, err := describe(t.Context(), sdk(t, server, permanent, "ap-guangzhou", ""), "t")
	if code := codeOf(t, err); code != "AuthFailure.SignatureExpire" {
		t.Errorf("the SDK says %v", err)
	}
}

func TestSDKOverPlainHTTP(t *testing.T) {
	t.Parallel()
	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{permanent}})
	sim.AddTask(clbsim.Task{ID: "t", DealName: "d", Outcome: clbsim.Failed, Message: "no quota"})
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)

	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "HTTP"
	p.HttpProfile.Endpoint = strings.TrimPrefix(server.URL, "http://")
	client, err := clb.NewClient(common.NewCredential(permanent.SecretID, permanent.SecretKey), "ap-guangzhou", p)
	if err != nil {
		t.Fatal(err)
	}
	request := clb.NewDescribeTaskStatusRequest()
	request.DealName = common.StringPtr("d")
	got, err := client.DescribeTaskStatus(request)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Response.Status != 1 || *got.Response.Message != "no quota" {
		t.Errorf("the SDK reads %+v", got.Response)
	}
}

func TestSDKIsThrottled(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	sim, server := serveTLS(t, clbsim.Config{Now: func() time.Time { return begin }})
	sim.AddTask(clbsim.Task{ID: "t"})
	client := sdk(t, server, permanent, "ap-guangzhou", "")
	for n := range 21 {
		want := ""
		if n == 20 {
			want = "RequestLimitExceeded"
		}
		if _, err := describe(t.Context(), client, "t"); codeOf(t, err) != want {
			t.Fatalf("call %d: the SDK says %v, want the code %q", n+1, err, want)
		}
	}
}

func TestListeningFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, taken)
	sim := clbsim.New(clbsim.Config{})
	if _, err := sim.Start(taken.Addr().String()); err == nil {
		t.Error("Start listens where somebody else does")
	}
	if _, err := sim.StartTLS(taken.Addr().String()); err == nil {
		t.Error("StartTLS listens where somebody else does")
	}
	if _, err := sim.StartTLS("127.0.0.1:0", "名"); err == nil {
		t.Error("StartTLS makes a certificate for a name that is none")
	}
}

func TestClosingDropsCallsThatHang(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{permanent}})
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sim.AddFault(clbsim.Fault{Kind: clbsim.Hang, Match: func(clbsim.Call) bool { close(arrived); return true }})
	failed := make(chan error)
	go func() {
		failed <- plainPost(server)
	}()
	<-arrived
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the call is answered")
	}
}

// plainPost fails when no answer comes, whatever it is.
func plainPost(server *clbsim.Server) error {
	response, err := http.Post(server.URL, "application/json", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	return response.Body.Close()
}
