package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Setenv("TENCENTCLOUD_SECRET_ID", "AKIDprogram")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "not-a-secret")
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"--listen", "127.0.0.1:0,127.0.0.1:0"}, writer)
		_ = writer.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewScanner(reader)
	for address := range 2 {
		if !lines.Scan() {
			t.Fatalf("it does not listen: %v", lines.Err())
		}
		url := strings.TrimPrefix(lines.Text(), "listening on ")
		for path, want := range map[string]string{"/simulator/tasks": `{"requestId":"t"}`, "/": "AuthFailure.InvalidAuthorization"} {
			response, err := http.Post(url+path, "application/json", strings.NewReader(`{"requestId":"t"}`))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(got), want) {
				t.Errorf("address %d, %s: the reply is %s, %v", address, path, got, err)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestRunFails(t *testing.T) {
	for sentence, test := range map[string]struct{ key, flag, want string }{
		"a key is required":           {"", "--listen=127.0.0.1:0", "TENCENTCLOUD_SECRET_KEY"},
		"a key is no flag":            {"k", "--secret-key=k", "secret-key"},
		"each address must be usable": {"k", "--listen=127.0.0.1:0,127.0.0.1", "missing port"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Setenv("TENCENTCLOUD_SECRET_ID", "AKIDprogram")
			t.Setenv("TENCENTCLOUD_SECRET_KEY", test.key)
			if err := run(t.Context(), []string{test.flag}, io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}
