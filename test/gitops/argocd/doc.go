// Package argocd lets Argo CD judge a CLBTask: its Lua engine with the health
// script of config/argocd, its settings with the ConfigMap of that folder, and its
// sync engine with the example of docs/guides.
//
// The parent module runs it, at the cluster in which the operator holds an object in
// each state. The statuses of many simulated lives are those that internal/lifecycle
// keeps. What the parent found of the other waiters is in its testdata/readings.json,
// and the table of docs/gitops.md is made of both. `go test -update` of the parent
// writes that table, and health_test.yaml next to the script.
//
// It is a module of its own because Argo CD pins another release of Kubernetes'
// libraries than the operator has.
package argocd
