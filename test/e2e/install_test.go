package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

const root = "../.."

// user is a user of the cluster who installs the operator.
type user struct {
	*testing.T
	dir string // Has install.yaml and kubeconfig.
}

func newUser(t *testing.T) *user {
	t.Helper()
	u := &user{t, t.TempDir()}
	u.file("kubeconfig", string(cluster.Kubeconfig))
	u.file("install.yaml", u.run("kubectl kustomize config/default"))
	return u
}

func (u *user) file(name, content string) {
	u.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(content), 0o600); err != nil {
		u.Fatal(err)
	}
}

// run runs a command in the root of the repository and returns what it prints.
func (u *user) run(command string) string {
	u.Helper()
	assets, err := filepath.Abs(cluster.Assets)
	if err != nil {
		u.Fatal(err)
	}
	process := exec.CommandContext(u.Context(), "sh", "-ec", command)
	process.Dir = root
	process.Env = append(os.Environ(), "PATH="+assets+":"+os.Getenv("PATH"),
		"KUBECONFIG="+filepath.Join(u.dir, "kubeconfig"), "KUBECACHEDIR="+filepath.Join(u.dir, "cache"), "KUBERC=off")
	out, err := process.CombinedOutput()
	if err != nil {
		u.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// blocks returns the code blocks of a language in a page.
func blocks(t *testing.T, page, language string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

// one returns the only text that has a part.
func one(t *testing.T, texts []string, part string) string {
	t.Helper()
	var found []string
	for _, text := range texts {
		if strings.Contains(text, part) {
			found = append(found, text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d blocks have %q", len(found), part)
	}
	return found[0]
}

func TestInstall(t *testing.T) {
	u := newUser(t)
	u.secretFirst()
	u.patches()
}

// secretFirst checks that the README's commands work with the Secret first; the demo has
// the manifest first.
func (u *user) secretFirst() {
	u.Helper()
	cloud := realenv.StartCloud(clbsim.Config{})
	defer cloud.Close()
	readme := blocks(u.T, "README.md", "sh")
	_, apply, _ := strings.Cut(one(u.T, readme, "install.yaml"), "\n") // Without the image.
	apply = strings.Replace(apply, "dist", u.dir, 1)
	secret := strings.Replace(one(u.T, readme, "create secret"), "secretId=...", "secretId="+realenv.Simulated.ID, 1)
	secret = strings.Replace(secret, "secretKey=...", "secretKey="+realenv.Simulated.Key, 1)
	u.run("kubectl create namespace clbtask-system")
	u.run(secret)
	u.run(apply)
	u.run(apply) // It changes nothing, and has no conflict.

	u.run("kubectl config set-context --current --namespace=clbtask-system")
	kubeconfig, err := os.ReadFile(filepath.Join(u.dir, "kubeconfig"))
	if err != nil {
		u.Fatal(err)
	}
	start(u.T, cloud, kubeconfig, clbsim.Credential{})
	cloud.AddTask(clbsim.Task{ID: "55c85074-3e7f-4c6d-864f-673660d4f8de", Region: "ap-guangzhou"})
	defer u.run("kubectl delete -f config/samples/clb_v1alpha1_clbtask.yaml")
	u.run("kubectl apply -f config/samples/clb_v1alpha1_clbtask.yaml && kubectl wait --for=condition=Succeeded clbtask/create-web-lb --timeout=60s")
}

// patches checks that the API server takes each patch of docs/credentials.md, also over
// another one, and the operator the flags of each.
func (u *user) patches() {
	u.Helper()
	page := blocks(u.T, "docs/credentials.md", "yaml")
	u.file("kustomization.yaml", one(u.T, page, "resources: [install.yaml]"))
	patches := 0
	for _, patch := range page {
		if !strings.HasPrefix(patch, "- ") {
			continue
		}
		patches++
		u.file("patch.yaml", patch)
		u.run("kubectl apply --server-side --validate=strict -k " + u.dir)
		args := u.run("kubectl -n clbtask-system get deployment clbtask-controller-manager -o 'jsonpath={.spec.template.spec.containers[0].args[*]}'")
		want := "find the cluster" // All flags are right until then.
		if strings.Contains(args, "--ca-file") {
			want = "--ca-file: open /proxy/ca.crt"
		}
		operator := exec.CommandContext(u.Context(), manager, append(strings.Fields(args), "--kubeconfig=/no/such/file")...)
		operator.Env = []string{}
		if out, err := operator.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			u.Errorf("with %s it ends with %v and says %s, want %q", args, err, out, want)
		}
	}
	if patches != 5 {
		u.Errorf("the page has %d patches", patches)
	}
}
