// Package chart tests the Helm chart charts/clbtask-operator with the libraries of
// Helm 3 and Helm 4: that each value does what it says, that the real API server takes
// what is rendered, that releases come, change and go without disturbing each other,
// and that the operator works with the arguments and the permissions that it is given.
//
// This module is one of its own because the operator must not depend on Helm.
//
// It starts no pods: there is no kubelet and no controller manager. The operator runs as
// a process, with a token of the installed ServiceAccount, and Helm does not wait.
package chart
