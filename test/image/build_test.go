//go:build image

package image

import (
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const (
	root    = "../.."
	version = "v9.9.9-test"
)

// builder builds images for one platform.
type builder struct {
	*testing.T
	arch, dir string
}

// image is one that was built.
type image struct {
	name       string
	root       string // The folder of a copy of its root filesystem.
	compressed int64  // Bytes of what a node pulls.
	program    int64  // Bytes of the program.
}

func newBuilder(t *testing.T, arch string) *builder {
	t.Helper()
	b := &builder{t, arch, t.TempDir()}
	context := filepath.Join(b.dir, "context")
	b.run("mkdir", context)
	busybox, err := exec.LookPath("busybox")
	b.ok(err)
	b.run("cp", busybox, "/etc/ssl/certs/ca-certificates.crt", context)
	b.ok(os.WriteFile(filepath.Join(context, "passwd"), []byte("nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"), 0o600))
	for _, target := range []string{"build", "base"} {
		// buildah 1.28 does not set BUILDPLATFORM, and takes the target's platform for all bases. So
		// that of the build claims it, too.
		b.buildah("build", "--isolation=chroot", "--platform=linux/"+arch, "--file=testdata/Dockerfile", "--target="+target, "--tag="+target, context)
	}
	return b
}

func (b *builder) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// run runs a command and returns what it prints.
func (b *builder) run(command ...string) string {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), command[0], command[1:]...).CombinedOutput()
	if err != nil {
		b.Fatalf("%q: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// buildah runs it with a storage of its own, without anything that a container lacks.
func (b *builder) buildah(args ...string) string {
	b.Helper()
	return b.run(b.command(args...)...)
}

func (b *builder) command(args ...string) []string {
	return slices.Concat([]string{"buildah", "--root=" + b.dir + "/storage", "--runroot=" + b.dir + "/run", "--storage-driver=vfs"}, args)
}

// arguments are those of the build of a target.
func (b *builder) arguments(target, proxy string) []string {
	return []string{
		"build", "--isolation=chroot", "--pull-never", "--platform=linux/" + b.arch, "--target=" + target, "--tag=" + target,
		"--build-arg=BUILD_IMAGE=localhost/build", "--build-arg=BASE_IMAGE=localhost/base",
		"--build-arg=GOPROXY=" + proxy, "--build-arg=VERSION=" + version, "--build-arg=COMMIT=41d29e7",
		"--volume=" + b.run("go", "env", "GOROOT") + ":/usr/local/go:ro",
	}
}

// build builds a target of the Dockerfile, whose program is at path.
func (b *builder) build(target, path string) image {
	b.Helper()
	args := append(b.arguments(target, "off"),
		"--volume="+b.run("go", "env", "GOMODCACHE")+":/modules:ro", "--volume="+b.run("go", "env", "GOCACHE")+":/cache")
	b.buildah(append(args, root)...)
	i := image{name: target, root: filepath.Join(b.dir, target)}
	b.run("cp", "-a", b.buildah("mount", b.buildah("from", "--pull-never", "--platform=linux/"+b.arch, "localhost/"+target)), i.root)
	b.check(i, path)
	file, err := os.Stat(i.root + path)
	b.ok(err)
	i.program = file.Size()
	pushed := filepath.Join(b.dir, "pushed-"+target)
	b.buildah("push", "localhost/"+target, "oci:"+pushed)
	b.ok(filepath.WalkDir(pushed+"/blobs", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		blob, err := entry.Info()
		if err == nil {
			i.compressed += blob.Size()
		}
		return err
	}))
	return i
}

// check checks that the image has its program, for its platform, and nothing else beside
// its base.
func (b *builder) check(i image, path string) {
	b.Helper()
	var inspected struct {
		OCIv1 struct {
			Architecture, OS string
			Config           struct {
				User       string
				Entrypoint []string
			}
		}
	}
	b.ok(json.Unmarshal([]byte(b.buildah("inspect", "--type=image", "localhost/"+i.name)), &inspected))
	got := inspected.OCIv1
	if got.Architecture != b.arch || got.OS != "linux" || got.Config.User != "65532:65532" || !slices.Equal(got.Config.Entrypoint, []string{path}) {
		b.Errorf("image %s is %+v", i.name, got)
	}
	var files []string
	b.ok(fs.WalkDir(os.DirFS(i.root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, "/"+name)
		}
		return err
	}))
	slices.Sort(files)
	if want := slices.Sorted(slices.Values([]string{"/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", path})); !slices.Equal(files, want) {
		b.Errorf("image %s has the files %q, want %q", i.name, files, want)
	}
	program, err := elf.Open(i.root + path)
	b.ok(err)
	defer func() { b.ok(program.Close()) }()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[b.arch]
	linked := slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if program.Machine != machine || linked || program.Section(".symtab") != nil {
		b.Errorf("%s of image %s is for %v, linked dynamically: %v", path, i.name, program.Machine, linked)
	}
}

// prepare fails unless the machine has what the tests need.
func prepare(t *testing.T) {
	t.Helper()
	for _, program := range []string{"buildah", "bwrap", "busybox", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: install it, on Debian by apt-get install buildah bubblewrap busybox-static util-linux", err)
		}
	}
	if os.Geteuid() != 0 {
		t.Fatal("the files of an image have owners, and its program a user of its own: run this as root")
	}
	// GOPROXY is off later, so what is not there now cannot come.
	if out, err := exec.Command("go", "-C", root, "mod", "download").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// other is the platform that this machine is not.
func other() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}
