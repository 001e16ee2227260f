// Package credentials finds what signs the operator's calls: a key pair of the
// environment, a directory or a Secret, or a session of a role, for which it calls
// STS or the metadata service. New chooses the source that the operator's flags name.
//
// It never falls back from the chosen source to another: an operator that signs with
// another account finds none of its tasks. It makes no call of the CLB API, retries
// only when a credential is used, and does not know Kubernetes: the caller reads the
// Secret. No error or log line of it shows a secret.
package credentials
