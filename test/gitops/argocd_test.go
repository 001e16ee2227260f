package gitops_test

import (
	"os"
	"os/exec"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// Argo CD pins another release of Kubernetes' libraries, so its code runs in a
// module and a process of its own, at the same objects. It comes last, since a sync
// writes annotations, and since it renders the table of what all others found.
var _ = Describe("Argo CD", SpecPriority(-1), func() {
	It("judges the objects, too, by its own code", func(ctx SpecContext) {
		args := []string{"test", "-vet=off", "-count=1", ".", "-args", "-cluster=" + kubeconfig}
		if *update {
			args = append(args, "-update")
		}
		own := exec.CommandContext(ctx, "go", args...)
		own.Dir = "argocd"
		own.Stdout, own.Stderr = os.Stdout, os.Stderr
		Expect(own.Run()).To(Succeed())
	}, NodeTimeout(30*time.Minute)) // It may have to be compiled.
})
