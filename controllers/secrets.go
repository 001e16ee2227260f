package controllers

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	lru "github.com/hashicorp/golang-lru/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
)

// maxSources bounds the Secrets whose keys are remembered. One that is used again is
// read again.
const maxSources = 4096

// SourcesOf returns the sources of the Secrets that CLBTasks name. reader must not be
// cached: a cache would need to list Secrets, and keep all of them.
func SourcesOf(reader client.Reader, identities *credentials.Identities) (CredentialSources, error) {
	sources, err := lru.New[types.NamespacedName, clb.CredentialSource](maxSources)
	if err != nil {
		return nil, err
	}
	return func(secret types.NamespacedName) clb.CredentialSource {
		if source, ok := sources.Get(secret); ok {
			return source
		}
		allow := fmt.Sprintf("bind the ClusterRole clbtask-credentials-reader to the operator's ServiceAccount in namespace %[1]s, or with Helm add %[1]s to perTaskCredentials.namespaces", secret.Namespace)
		source := identities.Of(credentials.NewSecret(secret.String(), SecretReader(reader, secret, allow)))
		if first, taken, _ := sources.PeekOrAdd(secret, clb.CredentialSource(source)); taken {
			return first // Another caller was faster.
		}
		return source
	}, nil
}

// SecretReader reads one Secret. allow says what to do if the operator may not.
func SecretReader(reader client.Reader, secret types.NamespacedName, allow string) credentials.GetSecret {
	return func(ctx context.Context) (map[string][]byte, error) {
		// From level 8 on, the client writes whole answers to the logger of the context.
		ctx = log.IntoContext(ctx, logr.Discard())
		object := new(corev1.Secret)
		err := reader.Get(ctx, secret, object)
		switch {
		case apierrors.IsNotFound(err):
			return nil, fmt.Errorf("%w: create it in namespace %s with the keys %s and %s",
				clb.ErrNoCredentials, secret.Namespace, credentials.KeySecretID, credentials.KeySecretKey)
		case apierrors.IsForbidden(err):
			return nil, fmt.Errorf("%w: %s", clb.ErrNoCredentials, allow)
		}
		return object.Data, err
	}
}
