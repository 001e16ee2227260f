// Package image builds the container images from the Dockerfile and runs them as a cluster
// would: as user 65532, without any capability, on a root filesystem that is read-only.
//
// Its tests have the build tag "image", since they need programs that not every machine
// has: `make test-image` runs them. They download no base image; testdata/Dockerfile
// stands in. They do not run what was compiled for another platform than the machine's,
// and do not test how a container runtime confines system calls.
package image
