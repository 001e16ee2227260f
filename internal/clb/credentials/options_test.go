package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

var (
	envPair = []string{"TENCENTCLOUD_SECRET_ID=id1", "TENCENTCLOUD_SECRET_KEY=key1"}
	envPod  = []string{"TKE_REGION=ap-chengdu", "TKE_PROVIDER_ID=p", "TKE_ROLE_ARN=" + roleARN, "TKE_WEB_IDENTITY_TOKEN_FILE=/none"}
)

func noSecret(context.Context) (map[string][]byte, error) { return nil, errNotThere }

func TestTheSourceIsChosen(t *testing.T) {
	for sentence, test := range map[string]struct {
		source, directory string
		env               [][]string
		arn               string
		want              string
	}{
		"auto: nothing is set up":                          {want: "Secret s"},
		"auto: the environment comes first":                {directory: "/d", env: [][]string{envPair, envPod}, want: "environment"},
		"auto: then the directory":                         {directory: "/d", env: [][]string{envPod}, want: "directory /d"},
		"auto: then pod identity":                          {env: [][]string{envPod}, want: "role " + roleARN},
		"auto: half a key pair is none":                    {env: [][]string{envPair[:1], envPod}, want: "role " + roleARN + "; not the environment, which has no TENCENTCLOUD_SECRET_KEY"},
		"auto: white space is no key":                      {env: [][]string{envPair[:1], {"TENCENTCLOUD_SECRET_KEY= "}}, want: "Secret s; not the environment, which has no TENCENTCLOUD_SECRET_KEY"},
		"auto: half a pod identity is none":                {env: [][]string{envPod[:2]}, want: "Secret s; not pod identity, which has no TKE_WEB_IDENTITY_TOKEN_FILE, TKE_ROLE_ARN"},
		"auto, in words":                                   {source: "auto", want: "Secret s"},
		"the environment, though nothing is there":         {source: "env", env: [][]string{envPod}, want: "environment"},
		"the directory, though the environment has a key":  {source: "directory", directory: "/d", env: [][]string{envPair}, want: "directory /d"},
		"pod identity, though the environment has a key":   {source: "pod-identity", env: [][]string{envPair, envPod}, want: "role " + roleARN},
		"pod identity, though nothing is there":            {source: "pod-identity", want: "pod identity"},
		"the Secret, though all else is there":             {source: "secret", env: [][]string{envPair, envPod}, want: "Secret s"},
		"the role of the machine":                          {source: "cvm-role", env: [][]string{envPair}, want: "CVM role"},
		"a role on top of a key":                           {env: [][]string{envPair}, arn: roleARN, want: "role " + roleARN + " with the key of environment"},
		"a role on top of the role of a pod":               {env: [][]string{envPod}, arn: "qcs::cam::uin/9:roleName/x", want: "role qcs::cam::uin/9:roleName/x with the key of role " + roleARN},
		"a role by its ID, on top of the machine's":        {source: "cvm-role", arn: "qcs::cam::uin/9:role/4611686018427397919", want: "role qcs::cam::uin/9:role/4611686018427397919 with the key of CVM role"},
		"a role on top of a Secret, with half a key there": {env: [][]string{envPair[1:]}, arn: roleARN, want: "role " + roleARN + " with the key of Secret s; not the environment, which has no TENCENTCLOUD_SECRET_ID"},
	} {
		t.Run(sentence, func(t *testing.T) {
			sts, fake := served(t)
			var variables []string
			for _, env := range test.env {
				variables = append(variables, env...)
			}
			source, err := New(Options{
				Source: test.source, Directory: test.directory, SecretName: "s", GetSecret: noSecret,
				AssumeRoleARN: test.arn, Getenv: environment(variables...),
			}, sts)
			if err != nil || source.String() != test.want {
				t.Errorf("got %v, %v, want %s", source, err, test.want)
			}
			if len(fake.calls) > 0 {
				t.Errorf("%d calls were made", len(fake.calls))
			}
		})
	}
}

// TestASourceThatIsBrokenIsNotReplaced: signing with another account would find none
// of its tasks.
func TestASourceThatIsBrokenIsNotReplaced(t *testing.T) {
	for sentence, test := range map[string]struct {
		options Options
		text    string
	}{
		"an empty environment":                     {Options{Source: Env, Getenv: environment(envPod...)}, clb.EnvSecretID},
		"a directory without files":                {Options{Directory: t.TempDir(), Getenv: environment(envPod...)}, "the directory /"},
		"a directory that is not there":            {Options{Directory: "/none", Getenv: environment(envPod...)}, "--credentials-directory /none"},
		"a token file that is not there":           {Options{Getenv: environment(envPod...)}, "/none"},
		"a Secret that is not there":               {Options{Source: FromSecret, Getenv: environment(append(envPod, envPair...)...)}, "Secret s"},
		"a role on top of a Secret that is not":    {Options{AssumeRoleARN: roleARN, Getenv: environment()}, "Secret s"},
		"pod identity, in an environment with key": {Options{Source: PodIdentity, Getenv: environment(envPair...)}, "TKE_ROLE_ARN"},
	} {
		t.Run(sentence, func(t *testing.T) {
			sts, _ := served(t)
			test.options.SecretName, test.options.GetSecret = "s", noSecret
			source, err := New(test.options, sts)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := source.Credential(t.Context()); !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	private := []string{"https://private.example"}
	for sentence, test := range map[string]struct {
		options  Options
		endpoint []string
		want     []string
	}{
		"a source that is none":                {Options{Source: "vault"}, nil, []string{`--credentials is "vault"`, "auto, env, directory, pod-identity, secret, cvm-role"}},
		"a directory that is not named":        {Options{Source: Directory}, nil, []string{"--credentials-directory", "give"}},
		"a directory that is not used":         {Options{Source: Env, Directory: "/d"}, nil, []string{"--credentials-directory", "--credentials=env"}},
		"a Secret that is not named":           {Options{Source: FromSecret}, nil, []string{"--credentials-secret", "give"}},
		"an external ID without a role":        {Options{Source: Env, AssumeRoleExternalID: "x"}, nil, []string{"--assume-role-external-id", "--assume-role-arn"}},
		"a name instead of a role's ARN":       {Options{Source: Env, AssumeRoleARN: "clbtask"}, nil, []string{`--assume-role-arn "clbtask"`, "qcs::cam::uin/"}},
		"an ARN with white space":              {Options{Source: Env, AssumeRoleARN: roleARN + " x"}, nil, []string{"--assume-role-arn"}},
		"pod identity without STS":             {Options{Source: PodIdentity}, private, []string{"pod identity needs STS", "give --sts-endpoint"}},
		"pod identity by itself, without STS":  {Options{Getenv: environment(envPod...)}, private, []string{"pod identity needs STS", "give --sts-endpoint"}},
		"a role to assume without STS":         {Options{Source: Env, AssumeRoleARN: roleARN}, private, []string{"--assume-role-arn needs STS", "give --sts-endpoint"}},
		"a role of the machine, then another ": {Options{Source: CVMRole, AssumeRoleARN: roleARN}, private, []string{"--assume-role-arn needs STS"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			endpoints, err := clb.NewEndpoints(clb.EndpointOptions{Overrides: test.endpoint})
			if err != nil {
				t.Fatal(err)
			}
			if test.options.Getenv == nil {
				test.options.Getenv = environment()
			}
			_, err = New(test.options, clb.NewSTS(endpoints))
			if err == nil {
				t.Fatal("they were accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
		})
	}
}

// TestNoWayOfPrintingASourceShowsASecret prints each source after it was used.
func TestNoWayOfPrintingASourceShowsASecret(t *testing.T) {
	sts, _ := served(t)
	directory := t.TempDir()
	write(t, directory, map[string]string{"secretId": "the-id", "secretKey": "the-key", "token": "the-token"})
	server := new(store)
	server.set("the-id", "the-key", nil)
	getenv, _ := tke(t)
	dial := metadataOf(t, says("the-role"), `{"TmpSecretId":"tmp-id","TmpSecretKey":"tmp-key","Token":"tmp-token","ExpiredTime":4102444800,"Code":"Success"}`)
	for _, o := range []Options{
		{Source: Directory, Directory: directory},
		{Source: FromSecret, SecretName: "s", GetSecret: NewSecret("s", server.get).get},
		{Source: PodIdentity},
		{Source: CVMRole, Dial: dial},
		{Source: Directory, Directory: directory, AssumeRoleARN: roleARN},
	} {
		o.Getenv = getenv
		source, err := New(o, sts)
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := source.Credential(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, holder := range holders(c, source) {
			encoded, _ := json.Marshal(holder)
			texts = append(texts, string(encoded))
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				texts = append(texts, fmt.Sprintf(verb, holder))
			}
		}
		for _, text := range texts {
			for _, secret := range []string{"the-id", "the-key", "the-token", "tmp-id", "tmp-key", "tmp-token", webToken, "7468652d6b6579"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s: %.300q shows %q", o.Source, text, secret)
				}
			}
		}
	}
}

// holders are a source and all types that hold a credential, with this one in them.
// They are new ones, since fmt reads without their locks.
func holders(c clb.Credential, source fmt.Stringer) []any {
	session := clb.Session{Credential: c, Expires: time.Now()}
	inner := &role{refresher: refresher{session: session}}
	return []any{
		source.String(), session, &session, inner, &cvmRole{refresher: refresher{session: session}},
		&Secret{current: c}, &Identified{source: inner, key: c, ownKey: c}, []any{inner}, struct{ source any }{inner},
	}
}
