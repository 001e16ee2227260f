package credentials

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The variables that the webhook of TKE puts into the containers of a pod whose
// ServiceAccount names a role.
const (
	EnvTKERegion     = "TKE_REGION"
	EnvTKEProviderID = "TKE_PROVIDER_ID"
	EnvTKETokenFile  = "TKE_WEB_IDENTITY_TOKEN_FILE" //nolint:gosec // The name of a variable, not a secret.
	EnvTKERoleARN    = "TKE_ROLE_ARN"
)

var tkeVariables = []string{EnvTKERegion, EnvTKEProviderID, EnvTKETokenFile, EnvTKERoleARN}

// role is a session of a role, for which fetch calls STS.
type role struct {
	refresher
	arn string
}

// Account implements clb.CredentialSource.
func (r *role) Account() string { return "role " + r.arn }

// podIdentity is the source of the role of the operator's ServiceAccount, as TKE's
// variables name it. Their token file is read at each refresh, since it rotates.
func podIdentity(getenv func(string) string, sts *clb.STS) clb.CredentialSource {
	if lacks := missing(getenv, tkeVariables...); len(lacks) > 0 {
		return broken{name: "pod identity", err: fmt.Errorf("%w: pod identity needs %s in the operator's environment: "+
			"annotate its ServiceAccount with the role, and make the pod again, since TKE adds them to new pods only",
			clb.ErrNoCredentials, strings.Join(lacks, ", "))}
	}
	identity := clb.WebIdentity{ProviderID: getenv(EnvTKEProviderID), RoleARN: getenv(EnvTKERoleARN)}
	region, file := getenv(EnvTKERegion), getenv(EnvTKETokenFile)
	r := &role{arn: identity.RoleARN}
	r.action, r.fetch = "AssumeRoleWithWebIdentity", func(ctx context.Context) (clb.Session, error) {
		token, err := readFile(file)
		if err != nil {
			return clb.Session{}, fmt.Errorf("%w: read the token of pod identity: %w", clb.ErrNoCredentials, err)
		}
		identity := identity
		if identity.Token = strings.TrimSpace(string(token)); identity.Token == "" {
			return clb.Session{}, fmt.Errorf("%w: the token file of pod identity, %s, is empty", clb.ErrNoCredentials, file)
		}
		return sts.AssumeRoleWithWebIdentity(ctx, region, identity)
	}
	return r
}

// assumedRole is the source of a role that the key of another source may assume.
func assumedRole(base clb.CredentialSource, target clb.Role, region string, sts *clb.STS) clb.CredentialSource {
	r := &role{arn: target.ARN}
	r.action, r.fetch = "AssumeRole", func(ctx context.Context) (clb.Session, error) {
		key, err := base.Credential(ctx)
		if err != nil {
			return clb.Session{}, err
		}
		session, err := sts.AssumeRole(ctx, region, target, key)
		var failed *clb.Error
		if source, ok := base.(clb.Rejecter); ok && errors.As(err, &failed) && failed.Problem == clb.ProblemCredentialsRejected {
			source.Rejected(key)
		}
		return session, err
	}
	return r
}

// broken is a source that is chosen but cannot work until the pod is made again.
type broken struct {
	name string
	err  error
}

// Account implements clb.CredentialSource.
func (b broken) Account() string { return b.name }

// Credential implements clb.CredentialSource.
func (b broken) Credential(context.Context) (clb.Credential, error) {
	return clb.Credential{}, b.err
}
