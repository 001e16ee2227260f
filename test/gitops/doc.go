// Package gitops lets the tools that wait for objects judge a CLBTask in every
// state of the state matrix. The operator of this repository brings live objects
// there, on a real API server and against the simulated cloud. Then each waiter
// judges them by its own code, or if that is no library by its rule, restated in a
// few lines that name their source. Those that look at nothing but the object judge
// every status of the lives that the tests of internal/lifecycle simulate, too.
//
// The tests also apply every example of docs/guides and follow it to its end.
//
// What they find is kept in three places, which `go test -update` writes and
// `go test` compares:
//
//   - testdata/readings.json, from which the module argocd, which adds Argo CD's
//     readings, makes the table of docs/gitops.md,
//   - config/argocd/resource_customizations, the dumps of the objects, which are
//     the test data of Argo CD's health script,
//   - the quoted examples in docs/guides.
//
// This module is one of its own because the operator must not depend on what the
// waiters depend on, and argocd one more because Argo CD pins another release of
// Kubernetes' libraries.
//
// It does not run the waiters as they are deployed: there is no kubelet, no Flux
// controller, no Argo CD server, no terraform.
package gitops
