//go:build release

package release

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

const root = "../.."

// released are the files of a release.
var released = []string{
	"SHA256SUMS", "clbtask-operator-0.1.0-rc.1.tgz", "clbtask-operator_linux_amd64.cdx.json", "clbtask-operator_linux_arm64.cdx.json",
	"clbtask.yaml", "clbtask_v1alpha1.json", "clbtasks.clb.tencentcloud.com.yaml", "install.yaml",
	"kubectl-clbtask_darwin_amd64.tar.gz", "kubectl-clbtask_darwin_arm64.tar.gz", "kubectl-clbtask_linux_amd64.tar.gz", "kubectl-clbtask_linux_arm64.tar.gz",
	"kubectl-clbtask_windows_amd64.tar.gz", "kubectl-clbtask_windows_arm64.tar.gz",
}

func TestRelease(t *testing.T) {
	first, second := release(t), release(t)
	var names []string
	for _, folder := range []string{first, second} {
		entries, err := os.ReadDir(folder)
		ok(t, err)
		names = names[:0]
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		if !slices.Equal(names, released) {
			t.Fatalf("the release has %q", names)
		}
	}
	if sums := read(t, first, "SHA256SUMS"); sums != read(t, second, "SHA256SUMS") {
		t.Errorf("two releases differ:\n%s%s", sums, read(t, second, "SHA256SUMS"))
	}
	run(t, first, "sha256sum", "--check", "--strict", "SHA256SUMS")

	image := regexp.MustCompile(`(?m)^ +(?:- )?image: "?registry\.example\.com/clbtask-operator:v0\.1\.0-rc\.1"?$`)
	if manifest := read(t, first, "install.yaml"); !image.MatchString(manifest) {
		t.Error("install.yaml does not name the image")
	}
	chart := filepath.Join(first, released[1])
	if rendered := run(t, first, os.Getenv("HELM"), "template", chart, "--kube-version=v1.31.0"); !image.MatchString(rendered) {
		t.Error("the chart does not name the image")
	}
	simulated := run(t, first, os.Getenv("HELM"), "template", chart, "--kube-version=v1.31.0", "--set=simulator.enabled=true")
	if !strings.Contains(simulated, "registry.example.com/clbtask-simulator:v0.1.0-rc.1") {
		t.Error("the chart does not name the image of the simulator")
	}
	metadata := run(t, first, os.Getenv("HELM"), "show", "chart", chart)
	for _, want := range []string{"\nversion: 0.1.0-rc.1\n", "appVersion: v0.1.0-rc.1\n"} {
		if !strings.Contains("\n"+metadata, want) {
			t.Errorf("the chart has not %q but\n%s", want, metadata)
		}
	}
	for _, platform := range []string{"amd64", "arm64"} {
		components(t, read(t, first, "clbtask-operator_linux_"+platform+".cdx.json"))
	}
	conform(t, first)
	plugin(t, first)
}

// A version that no image and no chart can have is refused.
func TestVersionIsRefused(t *testing.T) {
	for _, version := range []string{"dev", "0.1.0", "v1", "v0.1.0+build"} {
		out, err := exec.Command(root+"/hack/release.sh", version, "image", filepath.Join(t.TempDir(), "dist")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), `the version is "`+version+`"`) {
			t.Errorf("it says %s, %v", out, err)
		}
	}
}

// components checks that a list of components has the modules of go.mod, with their licenses.
func components(t *testing.T, text string) {
	t.Helper()
	var list struct {
		Metadata struct {
			Component struct{ Name, Version string }
		}
		Components []struct {
			Name, Version string
			Evidence      struct{ Licenses []any }
		}
	}
	ok(t, json.Unmarshal([]byte(text), &list))
	if of := list.Metadata.Component; of.Name != "github.com/clbtask/clbtask-operator" || of.Version != "v0.1.0-rc.1" {
		t.Errorf("it lists the components of %+v", of)
	}
	modules := read(t, root, "go.mod")
	for _, component := range list.Components {
		if component.Name == "std" {
			continue
		}
		if !strings.Contains(modules, "\t"+component.Name+" "+component.Version) || len(component.Evidence.Licenses) == 0 {
			t.Errorf("%+v is not in go.mod, or has no license", component)
		}
	}
	if len(list.Components) < 50 {
		t.Errorf("it has only %d components", len(list.Components))
	}
}

// conform lets kubeconform check CLBTasks against the released schema, as users do.
func conform(t *testing.T, folder string) {
	t.Helper()
	sample := read(t, root, "config/samples/clb_v1alpha1_clbtask.yaml")
	for sentence, test := range map[string]struct{ task, want string }{
		"the samples are valid":     {sample, "Invalid: 0, Errors: 0, Skipped: 0"},
		"a misspelt field is not":   {strings.Replace(sample, "requestId:", "requestID:", 1), "additional properties 'requestID' not allowed"},
		"a wrong type is not":       {strings.Replace(sample, "region: ap-guangzhou", "region: 5", 1), "got number, want string"},
		"a region is required":      {strings.Replace(sample, "  region: ap-guangzhou\n", "", 1), "missing property 'region'"},
		"a field that is not in it": {sample + "  retry: true\n", "additional properties 'retry' not allowed"},
	} {
		file := filepath.Join(t.TempDir(), "task.yaml")
		ok(t, os.WriteFile(file, []byte(test.task), 0o600))
		out, err := exec.Command(os.Getenv("KUBECONFORM"), "-strict", "-summary", "-schema-location="+folder+"/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json", file).CombinedOutput()
		if (err == nil) != (test.task == sample) || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: kubeconform says %s, %v, want %q", sentence, out, err, test.want)
		}
	}
}

// plugin checks the manifest for krew and what it names, and runs the plugin of this machine.
func plugin(t *testing.T, folder string) {
	t.Helper()
	var manifest struct {
		Metadata struct{ Name string }
		Spec     struct {
			Version   string
			Platforms []struct {
				Selector struct {
					MatchLabels struct{ OS, Arch string }
				}
				URI, SHA256, Bin string
			}
		}
	}
	ok(t, yaml.Unmarshal([]byte(read(t, folder, "clbtask.yaml")), &manifest))
	if manifest.Metadata.Name != "clbtask" || manifest.Spec.Version != "v0.1.0-rc.1" || len(manifest.Spec.Platforms) != 6 {
		t.Errorf("the manifest for krew has %+v", manifest)
	}
	sums := read(t, folder, "SHA256SUMS")
	for _, platform := range manifest.Spec.Platforms {
		system, arch := platform.Selector.MatchLabels.OS, platform.Selector.MatchLabels.Arch
		archive := path.Base(platform.URI)
		if archive != "kubectl-clbtask_"+system+"_"+arch+".tar.gz" || !strings.Contains(sums, platform.SHA256+"  "+archive+"\n") {
			t.Errorf("the manifest for krew names %s with the sum %s", platform.URI, platform.SHA256)
		}
		if content := run(t, folder, "tar", "-tzf", archive); content != platform.Bin+"\nLICENSE\n" {
			t.Errorf("%s has %q", archive, content)
		}
		if system == runtime.GOOS && arch == runtime.GOARCH {
			to := t.TempDir()
			run(t, folder, "tar", "-xzf", archive, "-C", to)
			if version := run(t, to, "./"+platform.Bin, "version"); !strings.HasPrefix(version, "v0.1.0-rc.1 (commit ") {
				t.Errorf("its version is %s", version)
			}
		}
	}
}

// release makes a release and returns its folder.
func release(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "dist")
	run(t, root, "hack/release.sh", "v0.1.0-rc.1", "registry.example.com/clbtask-operator", folder, "linux/amd64", "linux/arm64")
	return folder
}

// run runs a command in a folder and returns what it prints.
func run(t *testing.T, folder string, command ...string) string {
	t.Helper()
	process := exec.CommandContext(t.Context(), command[0], command[1:]...)
	process.Dir = folder
	out, err := process.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return string(out)
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	ok(t, err)
	return string(content)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
