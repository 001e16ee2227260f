package follow

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress says how things stand while waiting: on a terminal by one line that is rewritten,
// else by a line for each change, and one every half minute, so that nobody takes a quiet
// job of CI for a dead one.
type Progress struct {
	Out io.Writer
	// Width returns the width of the terminal in characters; nil if Out is none.
	Width func() int
	// Quiet says nothing at all.
	Quiet bool

	last time.Duration // When the last line was written.
	live bool          // A line without an end is on the terminal.
}

// repeat is how often a line is written although nothing changes.
const repeat = 30 * time.Second

// line writes a line that stays.
func (p *Progress) line(elapsed time.Duration, text string) {
	if p.Quiet {
		return
	}
	p.clear()
	p.last = elapsed
	_, _ = fmt.Fprintf(p.Out, "%s %s\n", stamp(elapsed), oneLine(text))
}

// tick shows how things stand now.
func (p *Progress) tick(elapsed time.Duration, text string) {
	switch {
	case p.Quiet:
	case p.Width != nil:
		shown := []rune(stamp(elapsed) + " " + oneLine(text))
		// A line that wraps could not be rewritten.
		if width := p.Width() - 1; width > 3 && len(shown) > width {
			shown = append(shown[:width-3], []rune("...")...)
		}
		_, _ = fmt.Fprintf(p.Out, "\r\x1b[K%s", string(shown))
		p.live = true
	case elapsed-p.last >= repeat:
		p.line(elapsed, text)
	}
}

// clear removes the line that is rewritten.
func (p *Progress) clear() {
	if p.live {
		_, _ = fmt.Fprint(p.Out, "\r\x1b[K")
		p.live = false
	}
}

func stamp(elapsed time.Duration) string {
	return fmt.Sprintf("[%3s]", elapsed.Truncate(time.Second))
}

// oneLine keeps the lines of a message of the cloud from looking like several.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
