package gitops_test

import (
	"encoding/json"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// table is what testdata/readings.json holds. The module argocd adds its rows and
// renders it.
type table struct {
	States []string   `json:"states"`
	Rows   []tableRow `json:"rows"`
}

// tableRow is what one waiter says of each state.
type tableRow struct {
	Group    string            `json:"group"`
	Waiter   string            `json:"waiter"`
	Rule     string            `json:"rule"`
	Code     string            `json:"code"`
	Readings map[string]string `json:"readings"`
}

func (t table) compare() {
	GinkgoHelper()
	text, err := json.MarshalIndent(t, "", "  ")
	Expect(err).NotTo(HaveOccurred())
	compareFile("testdata/readings.json", append(text, '\n'))
}

// compareFile compares a generated file with the one that is kept, or with -update
// writes it.
func compareFile(file string, content []byte) {
	GinkgoHelper()
	if *update {
		Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		Expect(os.WriteFile(file, content, 0o644)).To(Succeed())
		return
	}
	kept, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(content)).To(Equal(string(kept)), "%s is not what this run found: run `make gitops-table`", file)
}
