// Package docs reads the commands of the documentation, for the tests that run them.
package docs

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Command is a command of a page.
type Command struct {
	Page string // Relative to the root of the repository.
	Text string // With all its lines, or a whole script that begins with #!.
}

// Except returns the commands but those that begin as a key of notHere, whose value says
// why a test does not run them, and the keys that no command begins with.
func Except(commands []Command, notHere map[string]string) (rest []Command, unused []string) {
	used := map[string]bool{}
	for _, command := range commands {
		listed := false
		for begin := range notHere {
			if strings.HasPrefix(command.Text, begin) {
				listed, used[begin] = true, true
			}
		}
		if !listed {
			rest = append(rest, command)
		}
	}
	for begin := range notHere {
		if !used[begin] {
			unused = append(unused, begin)
		}
	}
	return rest, unused
}

var (
	pages = []string{"README.md", "CONTRIBUTING.md", "charts/*/README.md", "docs/*.md", "docs/guides/*.md"}
	block = regexp.MustCompile("(?s)```sh\n(.*?)```")
)

// Commands returns the commands in the blocks of all pages that are marked as sh, page by
// page in their order. root is the repository's.
func Commands(root string) (found []Command, err error) {
	for _, pattern := range pages {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			return nil, errors.Join(errors.New("there is no page "+pattern), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			page, err := filepath.Rel(root, file)
			if err != nil {
				return nil, err
			}
			for _, match := range block.FindAllStringSubmatch(string(text), -1) {
				for _, command := range split(match[1]) {
					found = append(found, Command{page, command})
				}
			}
		}
	}
	return found, nil
}

// split returns the commands of a block.
func split(block string) (found []string) {
	if strings.HasPrefix(block, "#!") {
		return []string{block}
	}
	continued := false
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		switch {
		case continued:
			found[len(found)-1] += "\n" + line
		case line != "":
			found = append(found, line)
		}
		continued = strings.HasSuffix(line, `\`)
	}
	return found
}
