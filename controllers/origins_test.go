package controllers_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// keyTroubles are those of sources that hold a key, which put keeps.
func keyTroubles(put func(a *account, values map[string]string), missing, source string) map[string]trouble {
	fresh := func(a *account) {
		a.sim.Revoke(keyOwner)
		put(a, a.add(fmt.Sprint("AKID", time.Now().UnixNano())))
	}
	nothing := map[string]string{credentials.KeySecretID: "", credentials.KeySecretKey: "", credentials.KeyToken: ""}
	half := map[string]string{credentials.KeySecretID: "AKIDhalf", credentials.KeySecretKey: "", credentials.KeyToken: ""}
	return map[string]trouble{
		"comes late": {
			late: true, breaks: func(a *account) { put(a, nothing) }, mends: fresh, reason: v1alpha1.ReasonCredentialsMissing, says: []string{missing},
		},
		"is revoked, and replaced later": {
			breaks: func(a *account) { a.sim.Revoke(keyOwner) }, mends: fresh, reason: v1alpha1.ReasonCredentialsRejected, says: []string{"AuthFailure.SecretIdNotFound", source},
		},
		"expires": {
			breaks: func(a *account) { put(a, a.add("AKIDtemporary", temporary(time.Second))) }, mends: fresh,
			reason: v1alpha1.ReasonCredentialsRejected, says: []string{"AuthFailure.TokenFailure", source},
		},
		"is broken": {
			breaks: func(a *account) { put(a, half) }, mends: fresh, reason: v1alpha1.ReasonCredentialsMissing, says: []string{missing},
		},
		"may not poll": mayNotPoll(source),
	}
}

// mayNotPoll is a key without permission.
func mayNotPoll(source string) trouble {
	return trouble{
		breaks: func(a *account) { a.refuse("DescribeTaskStatus", "UnauthorizedOperation") }, mends: func(a *account) { a.sim.ClearFaults() },
		reason: v1alpha1.ReasonAccessDenied, says: []string{"clb:DescribeTaskStatus", "UnauthorizedOperation", source},
	}
}

// metadataTrouble is one of the metadata service, which starts after the session was
// revoked, or lasts until it has ended.
func metadataTrouble(status int, lasts time.Duration, reason string, says ...string) trouble {
	return trouble{
		breaks: func(a *account) {
			a.metadata.set(status)
			a.wait(lasts)
			if lasts == 0 {
				a.sim.Revoke(roleOwner)
			}
		},
		mends: func(a *account) { a.metadata.set(0) }, reason: reason, says: says,
	}
}

// secretTroubles are those of a Secret, which may be missing or forbidden, too.
func secretTroubles(namespace, name, allow string) map[string]trouble {
	put := inSecret(namespace, name)
	troubles := keyTroubles(put, namespace+"/"+name, "Secret "+namespace+"/"+name)
	if namespace == "operator" {
		troubles = keyTroubles(put, "Secret "+name, "Secret "+name)
	}
	late := troubles["comes late"]
	late.breaks = func(*account) {}
	late.says = append(late.says, "create it in namespace "+namespace)
	troubles["comes late"] = late
	troubles["may not be read"] = trouble{
		breaks: func(a *account) { a.secrets.forbid(true) }, mends: func(a *account) { a.secrets.forbid(false) },
		reason: v1alpha1.ReasonCredentialsMissing, says: []string{allow},
	}
	return troubles
}

// roleTroubles are those of sessions that action of STS issues. The session that is there
// is revoked, since nobody would see the trouble before it ends.
func roleTroubles(action string, mends func(a *account)) map[string]trouble {
	refused := func(code, reason string) trouble {
		return trouble{
			breaks: func(a *account) { a.refuse(action, code); a.sim.Revoke(roleOwner) },
			mends:  func(a *account) { a.sim.ClearFaults() }, reason: reason, says: []string{action, code, "role " + roleARN},
		}
	}
	silent := trouble{
		breaks: func(a *account) {
			a.sim.AddFault(clbsim.Fault{Kind: clbsim.Hang, Match: func(c clbsim.Call) bool { return c.Action == action }})
			a.wait(2 * time.Hour)
		},
		mends: func(a *account) { a.sim.ClearFaults() }, reason: v1alpha1.ReasonAPIUnreachable, says: []string{action, "ClientError.Timeout", "role " + roleARN},
	}
	return map[string]trouble{
		"comes late": {
			late: true, breaks: func(*account) {}, mends: mends, reason: v1alpha1.ReasonCredentialsRejected,
			says: []string{action, "ResourceNotFound.RoleNotFound", "role " + roleARN},
		},
		"expires while STS is silent":             silent,
		"is revoked while STS is broken":          refused("InternalError.UnknownError", v1alpha1.ReasonAPIUnavailable),
		"is revoked, and STS is called too often": refused("InvalidParameter.OverLimit", v1alpha1.ReasonAPIUnavailable),
		"is revoked, and may not be assumed":      refused("UnauthorizedOperation", v1alpha1.ReasonCredentialsRejected),
	}
}

func origins() map[string]origin {
	role := "role " + roleARN
	revokedBase := trouble{
		breaks: func(a *account) { a.sim.Revoke(keyOwner); a.sim.Revoke(roleOwner) },
		mends:  func(a *account) { a.secrets.set("operator", "key", a.add(fmt.Sprint("AKID", time.Now().UnixNano()))) },
		reason: v1alpha1.ReasonCredentialsRejected, says: []string{"AssumeRole", "AuthFailure.SecretIdNotFound", role, "Secret key"},
	}
	noBase := revokedBase
	noBase.breaks = func(a *account) {
		a.secrets.set("operator", "key", map[string]string{credentials.KeySecretID: "AKIDhalf"})
		a.wait(30 * time.Second)
		a.sim.Revoke(roleOwner)
	}
	noBase.reason, noBase.says = v1alpha1.ReasonCredentialsMissing, []string{"Secret key", "it has no secretKey"}
	trust := func(a *account) { a.trust("web-token-0") }
	base := func(a *account) {
		trust(a)
		revokedBase.mends(a)
	}
	pod, assumed := roleTroubles("AssumeRoleWithWebIdentity", trust), roleTroubles("AssumeRole", trust)
	late := assumed["comes late"]
	late.breaks = func(a *account) { revokedBase.mends(a) }
	assumed["comes late"], assumed["is revoked with its base key"], assumed["loses its base key"] = late, revokedBase, noBase
	pod["comes late"] = withFiles(pod["comes late"], map[string]string{"web": "web-token-0"})
	pod["has no token"] = trouble{
		breaks: func(a *account) { a.write(map[string]string{"web": ""}); a.sim.Revoke(roleOwner) }, mends: trust,
		reason: v1alpha1.ReasonCredentialsMissing, says: []string{"token file of pod identity", "web"},
	}
	pod["has a token that is too old"] = trouble{
		breaks: func(a *account) { a.write(map[string]string{"web": "old"}); a.sim.Revoke(roleOwner) }, mends: trust,
		reason: v1alpha1.ReasonCredentialsRejected, says: []string{"AssumeRoleWithWebIdentity", "InvalidParameter.WebIdentityTokenError", role},
	}
	machine := map[string]trouble{
		"is not bound yet": {
			late: true, breaks: func(*account) {}, mends: trust,
			reason: v1alpha1.ReasonCredentialsMissing, says: []string{"the metadata service", "no role is bound to the machine: bind one"},
		},
		"is revoked while the metadata service is broken": metadataTrouble(http.StatusInternalServerError, 0, v1alpha1.ReasonCredentialsMissing, "the metadata service", "HTTP status 500"),
		"expires while the metadata service is broken":    metadataTrouble(http.StatusInternalServerError, 2*time.Hour, v1alpha1.ReasonCredentialsMissing, "the metadata service", "HTTP status 500"),
		"is revoked, and issued again for a while":        metadataTrouble(replay, 0, v1alpha1.ReasonCredentialsRejected, "AuthFailure.SecretIdNotFound", "CVM role"),
		"may not poll": mayNotPoll("CVM role"),
	}
	fresh := func(put func(*account, map[string]string)) func(a *account) {
		return func(a *account) { put(a, a.add("AKID0")) }
	}
	return map[string]origin{
		"the environment": {
			options: credentials.Options{Source: credentials.Env}, restarts: true, sets: fresh((*account).setenv),
			troubles: keyTroubles((*account).setenv, "TENCENTCLOUD_SECRET_KEY", "environment"),
		},
		"the directory": {
			options: credentials.Options{Source: credentials.Directory}, sets: fresh(inDirectory),
			troubles: keyTroubles(inDirectory, "has no ", "directory /"),
		},
		"the Secret": {
			options: credentials.Options{Source: credentials.FromSecret}, sets: fresh(inSecret("operator", "key")),
			troubles: secretTroubles("operator", "key", "allow it"),
		},
		"an object's Secret": {
			options: credentials.Options{Source: credentials.Env}, secret: true, sets: fresh(inSecret("default", "theirs")),
			troubles: secretTroubles("default", "theirs", "bind the ClusterRole clbtask-credentials-reader"),
		},
		"the machine's role": {options: credentials.Options{Source: credentials.CVMRole}, sets: trust, troubles: machine},
		"pod identity":       {options: credentials.Options{Source: credentials.PodIdentity}, sets: trust, troubles: pod},
		"an assumed role":    {options: credentials.Options{Source: credentials.FromSecret, AssumeRoleARN: roleARN, AssumeRoleExternalID: "external"}, sets: base, troubles: assumed},
	}
}

// withFiles is a trouble that begins with some files.
func withFiles(t trouble, files map[string]string) trouble {
	breaks := t.breaks
	t.breaks = func(a *account) { breaks(a); a.write(files) }
	return t
}
