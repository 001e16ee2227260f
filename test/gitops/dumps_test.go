package gitops_test

import (
	"path/filepath"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// argoTestdata is the test data of Argo CD's health script.
const argoTestdata = root + "/config/argocd/resource_customizations/clb.tencentcloud.com/CLBTask/testdata"

// What differs from run to run in a dump, and what stands for it there. The time of
// the schema's default stays.
var variable = []struct {
	pattern *regexp.Regexp
	fixed   string
}{
	{regexp.MustCompile(`"?20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"?`), `"2026-01-05T10:00:00Z"`},
	{regexp.MustCompile(`resourceVersion: "\d+"`), `resourceVersion: "1000"`},
	{regexp.MustCompile(`uid: [0-9a-f-]{36}`), `uid: 5f0c2b0e-3f3b-4b5e-9d55-0d5f2c0a6f11`},
	{regexp.MustCompile(`apiRequestId: simulated-[0-9a-f-]{36}`), `apiRequestId: 917384bc-5b8d-4b68-a0bc-a58f815e8e3b`},
	{regexp.MustCompile(`API\s+request\s+ID\s+simulated-[0-9a-f-]{36}`), `API request ID 917384bc-5b8d-4b68-a0bc-a58f815e8e3b`},
}

var _ = Describe("The dumps of the objects", func() {
	for _, s := range states {
		It(s.name+" is as kubectl prints it", func(ctx SpecContext) {
			out, err := kubectl(ctx, "get", "clbtask", s.held.GetName(), "--namespace="+s.held.GetNamespace(), "--output=yaml")
			Expect(err).NotTo(HaveOccurred(), out)
			for _, v := range variable {
				out = v.pattern.ReplaceAllString(out, v.fixed)
			}
			compareFile(filepath.Join(argoTestdata, s.name+".yaml"), []byte(out))
		})
	}
})
