package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// screen is what people see.
type screen struct {
	out   io.Writer
	began time.Time
}

func newScreen(out io.Writer) *screen { return &screen{out: out, began: time.Now()} }

// print writes a text as it is. An error means that nobody reads any more, which
// arrives as SIGPIPE as well.
func (s *screen) print(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// step says what happens next, or what came of it, and when.
func (s *screen) step(format string, args ...any) {
	s.print("[%5.1fs] %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// more continues a step on a line of its own.
func (s *screen) more(format string, args ...any) {
	s.print("         %s\n", fmt.Sprintf(format, args...))
}

// command shows a command of kubectl as a user would type it.
func (s *screen) command(args ...string) {
	words := []string{"$ kubectl"}
	for _, word := range args {
		words = append(words, quoted(word))
	}
	s.print("%s\n", strings.Join(words, " "))
}

// tail shows the last lines of a log, which is about to be removed.
func (s *screen) tail(title, file string, lines int) {
	content, err := os.ReadFile(file)
	if err != nil || len(content) == 0 {
		return
	}
	all := bytes.Split(bytes.TrimRight(content, "\n"), []byte("\n"))
	s.print("\nThe last lines of %s:\n%s\n", title, bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// quoted writes a word for a shell. What stands before a "=" needs no quotes.
func quoted(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,@"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	head := ""
	if i := strings.LastIndexByte(word, '='); i >= 0 && strings.Trim(word[:i], plain) == "" {
		head, word = word[:i+1], word[i+1:]
	}
	return head + "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
