package gitops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// published is a module whose resource definitions the guides are tried against.
// It is downloaded and not required in go.mod, since nothing of it is compiled;
// the checksum is what go.sum would have.
type published struct{ path, version, sum string }

var (
	fluxKustomize = published{"github.com/fluxcd/kustomize-controller", "v1.9.6", "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE="}
	fluxSource    = published{"github.com/fluxcd/source-controller", "v1.9.6", "h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc="}
	workflows     = published{"github.com/argoproj/argo-workflows/v3", "v3.7.0", "h1:TDijZztm6dLruB7yZLH+Ps4OJKRwu0YSAJ4/NvceON0="}
	crossplane    = published{"github.com/crossplane-contrib/provider-kubernetes", "v1.3.1", "h1:hiTNUET9DJDb9dl87oIyEXvRdxJtef3qswd16AI3CQs="}
)

// dir returns the module's directory after a download.
func (p published) dir(ctx context.Context) string {
	GinkgoHelper()
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", p.path+"@"+p.version)
	download.Dir = GinkgoT().TempDir() // Outside of any module.
	download.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var out, complaint bytes.Buffer
	download.Stdout, download.Stderr = &out, &complaint
	err := download.Run()
	var answer struct{ Dir, Sum, Error string }
	Expect(json.Unmarshal(out.Bytes(), &answer)).To(Succeed(), complaint.String())
	Expect(err).NotTo(HaveOccurred(), answer.Error+complaint.String())
	Expect(answer.Sum).To(Equal(p.sum), "%s is not what it was", p.path)
	return answer.Dir
}

// install makes resource definitions of the module, and waits until they serve.
func (p published) install(ctx context.Context, files ...string) {
	GinkgoHelper()
	dir := p.dir(ctx)
	for i, file := range files {
		files[i] = filepath.Join(dir, file)
	}
	_, err := envtest.InstallCRDs(cluster.Config, envtest.CRDInstallOptions{Paths: files, ErrorIfPathMissing: true, MaxTime: 2 * time.Minute})
	Expect(err).NotTo(HaveOccurred())
}

// strictly applies a file for real; a field that a definition does not know, or a
// value that it refuses, fails.
func strictly(ctx context.Context, namespace, file string) {
	GinkgoHelper()
	out, err := kubectl(ctx, "apply", "--server-side", "--validate=strict", "--namespace="+namespace, "--filename="+file)
	Expect(err).NotTo(HaveOccurred(), out)
}

func ensureNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	err := k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if !apierrors.IsAlreadyExists(err) {
		Expect(err).NotTo(HaveOccurred())
	}
}
