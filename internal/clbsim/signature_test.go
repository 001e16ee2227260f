package clbsim

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSignIsThatOfTheDocumentation computes the example of the page "Signature
// v3" (API page 1021/34193), key and all.
func TestSignIsThatOfTheDocumentation(t *testing.T) {
	t.Parallel()
	body := `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	r := httptest.NewRequest("POST", "https://cvm.tencentcloudapi.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-TC-Timestamp", "1551113065")
	a := authorization{date: "2019-02-25", service: "cvm", signedHeaders: []string{"content-type", "host"}}

	got := sign(r, []byte(body), a, "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
	if want := "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"; got != want {
		t.Errorf("signed as %s, want %s", got, want)
	}
}
