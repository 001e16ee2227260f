// Package argocd lets Argo CD judge a CLBTask: its Lua engine with the health
// script of config/argocd, its settings with the ConfigMap of that folder, and its
// sync engine with the example of docs/guides, against a real API server.
//
// It runs no operator: the objects are the dumps that the parent module takes of
// the operator's own, and compares at each of its runs. What the parent module
// found of the other waiters it takes from testdata/verdicts.json there, to make
// the table of docs/gitops.md; `go test -update` writes it anew, and health_test.yaml
// next to the script.
//
// It is a module of its own because Argo CD pins another release of Kubernetes'
// libraries than the operator has.
package argocd
