package credentials

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The values of --credentials.
const (
	Auto        = "auto"
	Env         = "env"
	Directory   = "directory"
	PodIdentity = "pod-identity"
	FromSecret  = "secret"
	CVMRole     = "cvm-role"
)

// defaultSTSRegion is the region that the SDK sends to STS.
const defaultSTSRegion = "ap-guangzhou"

var arnPattern = regexp.MustCompile(`^qcs::cam::uin/\d+:[A-Za-z]+/\S+$`)

// Options are what the operator's flags and its environment say about credentials.
type Options struct {
	// Source is one of the constants; empty means Auto: the first that is set up of
	// Env (both variables of the key pair), Directory (the option), PodIdentity (all
	// four variables of TKE) and FromSecret. CVMRole is never chosen so, since all pods
	// of a machine share its role.
	Source string
	// Directory holds the files secretId, secretKey and token.
	Directory string
	// SecretName names the Secret of FromSecret in messages.
	SecretName string
	// GetSecret reads that Secret.
	GetSecret GetSecret
	// AssumeRoleARN is the role to assume with the key of the source; empty for none.
	AssumeRoleARN string
	// AssumeRoleExternalID is what the trust policy of that role demands, if anything.
	AssumeRoleExternalID string
	// STSRegion is where roles are assumed and the owners of keys looked up. Empty means
	// TKE_REGION, or else ap-guangzhou. Pod identity always uses TKE_REGION.
	STSRegion string
	// Dial replaces the network to the metadata service, for tests; nil for the network
	// itself.
	Dial clb.Dial
	// Getenv looks a variable up; os.Getenv in production.
	Getenv func(string) string
}

// New returns the source that the options choose. It reads and calls nothing yet:
// what is missing or refused is an error of the source, which names it. The error of
// New says which flag to change.
func New(o Options, sts *clb.STS) (*Identified, error) {
	name, notes := cmp.Or(o.Source, Auto), ""
	if name == Auto {
		name, notes = o.choose()
	}
	if err := o.validate(name, sts); err != nil {
		return nil, err
	}
	source := o.source(name, sts)
	region := cmp.Or(o.STSRegion, o.variable(EnvTKERegion), defaultSTSRegion)
	if o.AssumeRoleARN != "" {
		target := clb.Role{ARN: o.AssumeRoleARN, ExternalID: o.AssumeRoleExternalID}
		notes = " with the key of " + source.Account() + notes
		source = assumedRole(source, target, region, sts)
	}
	identified := NewIdentities(sts, region).Of(source)
	identified.notes = notes
	return identified, nil
}

// choose returns the first source that is set up, and a note about each before it that
// is set up in part.
func (o Options) choose() (name, notes string) {
	key, keyNote := o.complete("the environment", clb.EnvSecretID, clb.EnvSecretKey)
	pod, podNote := o.complete("pod identity", tkeVariables...)
	switch {
	case key:
		return Env, ""
	case o.Directory != "":
		return Directory, keyNote
	case pod:
		return PodIdentity, keyNote
	default:
		return FromSecret, keyNote + podNote
	}
}

// complete reports whether all variables of a source are set, and returns a note if
// only some are.
func (o Options) complete(source string, names ...string) (bool, string) {
	lacks := missing(o.variable, names...)
	if len(lacks) == 0 || len(lacks) == len(names) {
		return len(lacks) == 0, ""
	}
	return false, fmt.Sprintf("; not %s, which has no %s", source, strings.Join(lacks, ", "))
}

func (o Options) variable(name string) string { return strings.TrimSpace(o.Getenv(name)) }

// validate returns an error if a source cannot work with the flags.
func (o Options) validate(name string, sts *clb.STS) error {
	switch name {
	case Env, PodIdentity, CVMRole:
	case Directory:
		if o.Directory == "" {
			return errors.New("--credentials=directory needs --credentials-directory: give the directory of the files secretId and secretKey")
		}
	case FromSecret:
		if o.GetSecret == nil || o.SecretName == "" {
			return errors.New("--credentials=secret needs --credentials-secret: give the name of a Secret in the operator's namespace")
		}
	default:
		return fmt.Errorf("--credentials is %q: give one of %s", name,
			strings.Join([]string{Auto, Env, Directory, PodIdentity, FromSecret, CVMRole}, ", "))
	}
	switch {
	case o.Directory != "" && o.Source != Directory && cmp.Or(o.Source, Auto) != Auto:
		return fmt.Errorf("--credentials-directory is given, but --credentials=%s does not use it: leave one out", name)
	case o.AssumeRoleARN == "" && o.AssumeRoleExternalID != "":
		return errors.New("--assume-role-external-id is given without --assume-role-arn: give both or none")
	case o.AssumeRoleARN != "" && !arnPattern.MatchString(o.AssumeRoleARN):
		return fmt.Errorf("--assume-role-arn %q is not a role: give one such as qcs::cam::uin/100000000001:roleName/clbtask", o.AssumeRoleARN)
	case name == PodIdentity:
		return without(sts, "pod identity needs STS")
	case o.AssumeRoleARN != "":
		return without(sts, "--assume-role-arn needs STS")
	}
	return nil
}

// without returns an error if STS must not be called.
func without(sts *clb.STS, need string) error {
	if err := sts.Check(); err != nil {
		return fmt.Errorf("%s, but %w", need, err)
	}
	return nil
}

func (o Options) source(name string, sts *clb.STS) clb.CredentialSource {
	switch name {
	case Env:
		return clb.EnvCredentials{Getenv: o.Getenv}
	case Directory:
		return directory{o.Directory}
	case PodIdentity:
		return podIdentity(o.variable, sts)
	case CVMRole:
		return newCVMRole(o.Dial)
	default:
		return NewSecret(o.SecretName, o.GetSecret)
	}
}
