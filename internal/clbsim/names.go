package clbsim

import (
	"fmt"
	"strconv"
)

// names gives the constants of an enumeration their written form, which flags
// and JSON share. The constants count from zero.
type names[T ~int] []string

func (n names[T]) text(v T) string {
	if int(v) < 0 || int(v) >= len(n) {
		return strconv.Itoa(int(v))
	}
	return n[v]
}

func (n names[T]) marshal(v T) ([]byte, error) {
	if int(v) < 0 || int(v) >= len(n) {
		return nil, fmt.Errorf("%d is none of %q", int(v), []string(n))
	}
	return []byte(n[v]), nil
}

func (n names[T]) unmarshal(v *T, text []byte) error {
	for i, name := range n {
		if name == string(text) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("%q is none of %q", text, []string(n))
}
