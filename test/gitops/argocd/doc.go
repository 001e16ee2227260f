// Package argocd lets Argo CD judge a CLBTask: its Lua engine with the health
// script of config/argocd, its settings with the ConfigMap of that folder, and its
// sync engine with the example of docs/guides.
//
// The parent module runs it, at the cluster in which it has the operator hold an
// object in each state, and with the statuses of many simulated lives. What it found
// of the other waiters is taken from testdata/verdicts.json there, to make the table
// of docs/gitops.md; `go test -update` of the parent writes that anew, and
// health_test.yaml next to the script.
//
// It is a module of its own because Argo CD pins another release of Kubernetes'
// libraries than the operator has.
package argocd
