//go:build !windows

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// On a terminal one line is rewritten each second, and only the result stays.
func TestTerminal(t *testing.T) {
	for sentence, test := range map[string]struct {
		task  clbsim.Task
		press string // When it is seen to run.
		code  int
		want  []string
	}{
		"a request that succeeds": {clbsim.Task{ID: "terminal-succeeds", Duration: 3 * time.Second, FromFirstPoll: true}, "", 0,
			[]string{"\r\x1b[K[ ", "s] terminal-succeeds: Running, InProgress", "\r\x1b[K[ ", "s] terminal-succeeds: ", "\r\x1b[K" + prefix + "terminal-succeeds succeeded\r\n"}},
		"Ctrl-C": {clbsim.Task{ID: "terminal-stuck", Result: clbsim.Stuck}, "\x03", 130,
			[]string{"terminal-stuck: Running", "^C", "terminal-stuck not finished: for ", "interrupted; the operator goes on"}},
		"a line as wide as the terminal": {clbsim.Task{ID: "terminal-" + strings.Repeat("x", 70), Duration: 2 * time.Second, FromFirstPoll: true}, "", 0,
			[]string{"] terminal-" + strings.Repeat("x", 61) + "..."}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			cloud.AddTask(test.task)
			process := shell("trap : INT; "+line, // So that the shell tells the exit code, as at a prompt.
				"TCCLI_PRINTS="+test.task.ID)
			terminal, err := pty.StartWithSize(process, &pty.Winsize{Rows: 24, Cols: 80})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = terminal.Close() }()
			said := newScreen()
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(said, terminal) // It ends by an error when the terminal closes.
			}()
			if test.press != "" {
				said.await(t, test.want[0])
				if _, err := terminal.WriteString(test.press); err != nil {
					t.Fatal(err)
				}
			}
			_ = process.Wait()
			<-read
			rest := said.String()
			for _, want := range test.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("there is no %q in its place in\n%q", want, said.String())
				}
				rest = after
			}
			if code := process.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d\n%q", code, said.String())
			}
		})
	}
}
