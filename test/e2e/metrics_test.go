package e2e

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// The metrics are for those alone whom RBAC lets get them, by TLS.
func TestMetricsEndpoint(t *testing.T) {
	g := NewWithT(t)
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
	defer sky.Close()
	token := func(name string) string {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
		g.Expect(cluster.Client.Create(t.Context(), account)).To(Succeed())
		token, err := cluster.Token(t.Context(), "default", name)
		g.Expect(err).NotTo(HaveOccurred())
		return token
	}
	reader, stranger := token("reader"), token("stranger")
	g.Expect(cluster.Client.Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics-reader"},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	})).To(Succeed())
	g.Expect(cluster.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "reader"}},
	})).To(Succeed())

	address := freeAddress(t)
	r := start(t, sky, cluster.Kubeconfig, key("some"), "--metrics-bind-address="+address)
	soon(g, func() error {
		connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		return connection.Close()
	}).Should(Succeed(), r.text)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // The certificate is self-signed.
		ForceAttemptHTTP2: true,
	}}
	get := func(token string) (status int, body string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", http.NoBody)
		g.Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		defer func() { _ = response.Body.Close() }()
		g.Expect(response.ProtoMajor).To(Equal(1))
		text, err := io.ReadAll(response.Body)
		g.Expect(err).NotTo(HaveOccurred())
		return response.StatusCode, string(text)
	}
	follow(t, sky, "default", "simulated") // A metric with labels has no value before.
	soon(g, r.text).Should(ContainSubstring("The API is a simulator"))
	for sentence, test := range map[string]struct {
		token string
		want  int
	}{
		"without a token":             {"", http.StatusUnauthorized},
		"with a token of nobody":      {"nobody", http.StatusInternalServerError}, // So says controller-runtime.
		"with a token without rights": {stranger, http.StatusForbidden},
		"with a reader's token":       {reader, http.StatusOK},
	} {
		status, body := get(test.token)
		g.Expect(status).To(Equal(test.want), sentence)
		if status == http.StatusOK {
			g.Expect(body).To(ContainSubstring("clbtask_detection_delay_bound_seconds"))
			g.Expect(body).To(MatchRegexp(`clbtask_simulated\{host="127.0.0.1:\d+"\} 1`))
			g.Expect(body).To(MatchRegexp(`clbtask_build_info{goversion="go1\.[^"]+",revision="[^"]*",version="[^"]+"} 1`))
			for _, row := range documented(t) {
				g.Expect(body).To(ContainSubstring("# TYPE "+row[1]+" "+row[2]+"\n"), "docs/metrics.md has it")
			}
		} else {
			g.Expect(body).NotTo(ContainSubstring("clbtask_"))
		}
	}
	g.Expect(r.process.Process.Kill()).To(Succeed())
}

// documented returns the names and types of the metrics in docs/metrics.md that every
// operator has: its own may still be without a value, and it may run alone.
func documented(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, others, _ := strings.Cut(string(page), "leader_election_master_status")
	rows := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(others, -1)
	if len(rows) == 0 {
		t.Fatal("docs/metrics.md has no metrics")
	}
	return rows
}
