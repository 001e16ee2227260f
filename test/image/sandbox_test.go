//go:build image

package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sandbox is a program of an image that runs.
type sandbox struct {
	process *exec.Cmd
	began   time.Time
	pid     int // That of the program, as this test sees it.
	log     *bytes.Buffer
}

// command returns the program of an image with some files mounted, as a container of a pod
// of the restricted Pod Security Standard has it: only the network is the machine's.
func (i image) command(t *testing.T, path string, files, environment map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	command := []string{
		"--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
		"bwrap", "--unshare-all", "--share-net", "--uid", "65532", "--gid", "65532", "--cap-drop", "ALL",
		"--as-pid-1", "--die-with-parent", "--clearenv", "--json-status-fd", "3",
		"--ro-bind", i.root, "/", "--proc", "/proc", "--dev", "/dev",
	}
	// A container runtime makes the places of mounts, too.
	for _, folder := range []string{"/proc", "/dev"} {
		if err := os.MkdirAll(i.root+folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(i.root+place, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		command = append(command, "--ro-bind", files[place], place)
	}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		command = append(command, "--setenv", name, environment[name])
	}
	return exec.CommandContext(t.Context(), "setpriv", slices.Concat(command, []string{path}, args)...)
}

// start starts a command and waits until its program does. It ends with the test, which
// shows its log if it fails.
func start(t *testing.T, process *exec.Cmd) *sandbox {
	t.Helper()
	status, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// It stays open, because what bubblewrap writes at the end must not be an error.
	t.Cleanup(func() { _ = status.Close() })
	s := &sandbox{process: process, began: time.Now(), log: new(bytes.Buffer)}
	process.ExtraFiles = []*os.File{write} // Descriptor 3.
	process.Stderr = s.log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = process.Process.Kill(), process.Wait() // It may have ended by itself.
		if t.Failed() {
			t.Logf("%s:\n%s", process, s.log)
		}
	})
	_ = write.Close()
	var started struct {
		PID int `json:"child-pid"`
	}
	if err := json.NewDecoder(status).Decode(&started); err != nil {
		t.Fatalf("%s does not start: %v", process, err)
	}
	s.pid = started.PID
	return s
}

// confined fails unless the program may do no more than one in such a pod.
func (s *sandbox) confined(t *testing.T) {
	t.Helper()
	read := func(file string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.pid, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	status := read("status")
	for _, want := range []string{
		"Uid:\t65532\t65532\t65532\t65532\n", "Gid:\t65532\t65532\t65532\t65532\n", "NoNewPrivs:\t1\n",
		"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
	} {
		if !strings.Contains(status, want) {
			t.Errorf("the program has not %q but\n%s", want, status)
		}
	}
	for line := range strings.Lines(read("mountinfo")) {
		if fields := strings.Fields(line); fields[4] == "/" && !strings.HasPrefix(fields[5], "ro,") {
			t.Errorf("the root filesystem is not read-only: %s", line)
		}
	}
}

// stop asks the program to end, and fails if that is an error.
func (s *sandbox) stop(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := s.process.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}
