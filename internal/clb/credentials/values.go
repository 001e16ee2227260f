package credentials

import (
	"fmt"
	"strings"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The names of the values of a credential, as keys of a Secret and as files of a
// directory. The token is there for temporary keys only.
const (
	KeySecretID  = "secretId"
	KeySecretKey = "secretKey"
	KeyToken     = "token"
)

// fromValues makes a credential of named values, which holder has. The error names
// what is missing, never what is there.
func fromValues(values map[string][]byte, holder string) (clb.Credential, error) {
	var missing []string
	for _, name := range []string{KeySecretID, KeySecretKey} {
		if strings.TrimSpace(string(values[name])) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return clb.Credential{}, fmt.Errorf("%w: %s has no %s: add it", clb.ErrNoCredentials, holder, strings.Join(missing, " and no "))
	}
	return clb.NewCredential(string(values[KeySecretID]), string(values[KeySecretKey]), string(values[KeyToken])), nil
}
