// Package release makes a release twice and checks what is in it. Its tests have the build
// tag "release", since they compile the operator for each platform of the image:
// `make test-release` runs them.
package release
