package clbsim

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"time"
)

// defaultSeconds is how long a session lasts if the caller does not say.
const defaultSeconds = 7200

// webIdentity is the action whose callers have no key yet.
var webIdentity = action{"sts", "2018-08-13", "AssumeRoleWithWebIdentity"}

// Role is a role that STS and the metadata service issue sessions of.
type Role struct {
	// ARN names the role, as in qcs::cam::uin/100:roleName/clbtask.
	ARN string
	// Account is the account of its sessions, as [Credential.Account].
	Account string
	// WebIdentityToken is the token that may assume the role; empty for none.
	WebIdentityToken string
	// ExternalID is what a caller of AssumeRole must send, often nothing.
	ExternalID string
}

// AddRole adds the role, and replaces a former one of the same ARN.
func (s *Simulator) AddRole(r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles[r.ARN] = r
}

// AddCredential makes the simulator accept the credential, too.
func (s *Simulator) AddCredential(c Credential) {
	c.Account = cmp.Or(c.Account, c.SecretID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[c.SecretID] = c
}

// Revoke ends all keys and sessions that an account has now.
func (s *Simulator) Revoke(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.credentials {
		if c.Account == account {
			delete(s.credentials, id)
		}
	}
}

// assumeRole implements AssumeRole and AssumeRoleWithWebIdentity.
func (s *Simulator) assumeRole(r *request) (any, *APIError) {
	role, ok := s.roles[r.text("RoleArn")]
	unsigned := r.signer.SecretID == ""
	switch {
	case !ok:
		return nil, refuse("ResourceNotFound.RoleNotFound", "The role does not exist.")
	case unsigned && (role.WebIdentityToken == "" || role.WebIdentityToken != r.text("WebIdentityToken")):
		return nil, refuse("InvalidParameter.WebIdentityTokenError", "The web identity token is not valid.")
	case !unsigned && role.ExternalID != r.text("ExternalId"):
		return nil, refuse("UnauthorizedOperation", "The trust policy of the role does not allow this.")
	}
	seconds, _ := r.parameters["DurationSeconds"].(float64)
	c := s.issue(role, r.text("RoleSessionName"), int(cmp.Or(seconds, defaultSeconds)))
	return map[string]any{
		"Credentials": map[string]string{"TmpSecretId": c.SecretID, "TmpSecretKey": c.SecretKey, "Token": c.Token},
		"ExpiredTime": c.Expires.Unix(), "RequestId": r.call.RequestID,
	}, nil
}

// issue opens a session of a role. The simulator is locked.
func (s *Simulator) issue(role Role, session string, seconds int) Credential {
	c := Credential{
		SecretID: "AKID" + newUUID(), SecretKey: newUUID(), Token: newUUID(), Account: role.Account,
		Expires: s.config.Now().Add(time.Duration(seconds) * time.Second), session: ":" + session,
	}
	s.credentials[c.SecretID] = c
	return c
}

// getCallerIdentity implements API page 1312/66098. The part of an account before
// a slash is the main account, and what follows the user or role in it.
func (s *Simulator) getCallerIdentity(r *request) (any, *APIError) {
	main, user, _ := strings.Cut(r.signer.Account, "/")
	return map[string]string{"AccountId": main, "UserId": cmp.Or(user, main) + r.signer.session, "RequestId": r.call.RequestID}, nil
}

// Metadata returns the metadata service of a machine that a role is bound to, as
// soon as the simulator has that role.
func (s *Simulator) Metadata(arn string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /latest/meta-data/cam/security-credentials/{name...}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		role, bound := s.roles[arn]
		name := arn[strings.LastIndex(arn, "/")+1:]
		switch asked := r.PathValue("name"); {
		case bound && asked == "":
			_, _ = io.WriteString(w, name)
		case bound && asked == name:
			c := s.issue(role, "", defaultSeconds)
			write(w, map[string]any{
				"TmpSecretId": c.SecretID, "TmpSecretKey": c.SecretKey, "Token": c.Token, "ExpiredTime": c.Expires.Unix(), "Code": "Success",
			})
		default:
			http.NotFound(w, r)
		}
	})
	return mux
}
