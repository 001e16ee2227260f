package gitops_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// guides is the directory of the guides and of their examples' files.
const guides = root + "/docs/guides"

// guide returns the objects of an example's file. It panics if there are none,
// since the waiters' rules are read from examples before any spec runs.
func guide(file string) []*unstructured.Unstructured {
	text, err := os.ReadFile(filepath.Join(guides, file))
	if err != nil {
		panic(err)
	}
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		switch err := decoder.Decode(object); {
		case errors.Is(err, io.EOF):
			return objects
		case err != nil:
			panic(fmt.Errorf("%s: %w", file, err))
		case object.Object != nil:
			objects = append(objects, object)
		}
	}
}

// quote is a code block of a guide that has to be a file's content: a comment that
// names the file, then the block.
var quote = regexp.MustCompile("(?s)<!-- (\\S+) -->\n```(\\w+)\n(.*?)```\n")

var _ = Describe("The guides", func() {
	files, err := filepath.Glob(guides + "/*.md")
	if err != nil || len(files) == 0 {
		panic(fmt.Sprint("no guides in ", guides, ": ", err))
	}
	for _, file := range files {
		It(filepath.Base(file)+" quotes its examples as they are", func() {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(quote.Match(text)).To(BeTrue(), "there is no example")
			quoted := quote.ReplaceAllStringFunc(string(text), func(block string) string {
				parts := quote.FindStringSubmatch(block)
				example, err := os.ReadFile(filepath.Join(guides, parts[1]))
				Expect(err).NotTo(HaveOccurred())
				return fmt.Sprintf("<!-- %s -->\n```%s\n%s```\n", parts[1], parts[2], example)
			})
			compareFile(file, []byte(quoted))
		})
	}

	It("name no example that they do not quote", func() {
		var all strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			all.Write(text)
		}
		Expect(filepath.WalkDir(guides, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && filepath.Dir(path) != guides {
				name, relErr := filepath.Rel(guides, path)
				Expect(relErr).NotTo(HaveOccurred())
				Expect(all.String()).To(ContainSubstring("<!-- "+name+" -->"), "no guide quotes it")
			}
			return err
		})).To(Succeed())
	})
})
