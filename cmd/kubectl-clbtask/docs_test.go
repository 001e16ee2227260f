package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/docs"
)

// notHere are the commands that TestCommands does not run, by how they begin, and why.
var notHere = map[string]string{
	"helm ":                 "TestHelmCommands of test/chart runs them",
	"#!/usr/bin/env bash\n": "the script of the guide for plain CI: test/gitops runs it",
	"kubectl apply --server-side -f dist/install.yaml": "TestInstall of test/e2e applies it",
	"kapp deploy ":     "there is no kapp: test/gitops judges its rules",
	"terraform apply ": "there is no Terraform: test/gitops judges its fields",
}

// Every command of the documentation runs, or is listed above. Of make it is only seen
// that there are the targets: they take long, or push to a registry. It is not parallel, so
// that it lists no more tasks than a reader would.
func TestCommands(t *testing.T) {
	commands, err := docs.Commands(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"55c85074-3e7f-4c6d-864f-673660d4f8de", "0b9f6f5e-7d51-4c58-9a0e-3c1b8a4d2e61"} { // Of the samples.
		cloud.AddTask(clbsim.Task{ID: id})
	}
	for _, namespace := range []string{"shop", "argocd"} {
		create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-cm"}})
	commands, unused := docs.Except(commands, notHere)
	if unused != nil {
		t.Errorf("there is no command that begins with %q", unused)
	}
	page, exports, incomplete, ran := "", "", true, map[string]bool{}
	for _, command := range commands {
		if command.Page != page {
			page, exports = command.Page, ""
			if incomplete {
				install(t)
			}
			incomplete = false
		}
		if ran[command.Text] { // On another page.
			continue
		}
		ran[command.Text] = true
		text := command.Text
		if target, ok := strings.CutPrefix(text, "make "); ok {
			text = "make --dry-run " + target
		}
		code, stdout, stderr := sh("cd "+root+"\n"+exports+text, "TCCLI_PRINTS=sim-succeeds-1s")
		if code != 0 || strings.Contains(stderr, "rror") || strings.Contains(stderr, "Warning") {
			t.Errorf("%s: %s: exit code %d\n%s%s", page, command.Text, code, stdout, stderr)
		}
		if strings.HasPrefix(text, "export ") {
			exports += text + "\n"
		}
		incomplete = incomplete || strings.Contains(text, " delete ")
	}
}

// install installs what the pages expect to be there.
func install(t *testing.T) {
	t.Helper()
	code, _, stderr := sh("cd " + root + " && kubectl apply --server-side -k config/default && kubectl apply -f config/samples/clb_v1alpha1_clbtask.yaml")
	if code != 0 {
		t.Fatal(stderr)
	}
}

// The index has each page once.
func TestIndex(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	links := map[string]int{}
	for _, match := range regexp.MustCompile(`\]\(([^)]+\.md)\)`).FindAllStringSubmatch(string(text), -1) {
		links[match[1]]++
	}
	pages := 0
	for _, pattern := range []string{"*.md", "*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, "docs", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			page, err := filepath.Rel(filepath.Join(root, "docs"), file)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			if page != "README.md" && links[page] != 1 {
				t.Errorf("the index has %s %d times", page, links[page])
			}
		}
	}
	if len(links) != pages { // It has the README of the repository instead of itself.
		t.Errorf("the index has %d pages of %d", len(links), pages)
	}
}
