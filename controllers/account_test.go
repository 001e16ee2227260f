package controllers_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

const (
	// keyOwner and roleOwner are the accounts whose keys and sessions poll.
	keyOwner, roleOwner = "100/200", "100/4611686018427397919"
	roleARN             = "qcs::cam::uin/100:roleName/clbtask"
)

// account is Tencent Cloud in a bubble, with all that a key may come from. The operator
// speaks HTTP with it, through the real SDK.
type account struct {
	*bubble

	sim       *clbsim.Simulator
	endpoints clb.EndpointOptions
	network   *testenv.Network
	env       map[string]string
	directory string // Of the files of a key, and of the token of pod identity.
	secrets   *secretStore
	reader    client.Reader // Of Secrets, by default secrets itself.
	settings  manager.Options
	metadata  *metadata

	mu    sync.Mutex
	names []string // The accounts that polls counted for, in order.
}

// withAccount runs a test in a bubble with an account. It has no key, and its role is
// not there.
//
// Each of between stands between the operator and the handlers.
func withAccount(t *testing.T, test func(a *account), between ...func(http.Handler) http.Handler) {
	t.Helper()
	directory := t.TempDir()
	inBubble(t, func(b *bubble) {
		sim := clbsim.New(clbsim.Config{RoundTrip: 20 * time.Millisecond})
		machine := &metadata{service: sim.Metadata(roleARN), last: map[string]*httptest.ResponseRecorder{}}
		hosts := map[string]http.Handler{"127.0.0.1:1": sim, "127.0.0.1:2": sim, "clb.tencentcloudapi.com:443": sim, "metadata.tencentyun.com:80": machine}
		for host := range hosts {
			for _, wrap := range between {
				hosts[host] = wrap(hosts[host])
			}
		}
		network := testenv.NewNetwork(b.T, hosts)
		secrets := &secretStore{data: map[types.NamespacedName]map[string][]byte{}}
		test(&account{
			bubble: b, sim: sim, network: network, directory: directory,
			endpoints: clb.EndpointOptions{Overrides: []string{"http://127.0.0.1:1"}, STSEndpoint: "http://127.0.0.1:2"},
			secrets:   secrets, reader: secrets, settings: b.cluster.ManagerOptions(b.T), metadata: machine,
			env: map[string]string{
				credentials.EnvTKERegion: region, credentials.EnvTKEProviderID: "provider", credentials.EnvTKERoleARN: roleARN,
				credentials.EnvTKETokenFile: filepath.Join(directory, "web"),
			},
		})
	})
}

// start starts an operator as main does; the returned function stops it.
func (a *account) start(o credentials.Options, vary ...func(*controllers.Options)) (stop func()) {
	a.Helper()
	return testenv.Start(a.T, a.over(testenv.NewLink("operator"), a.settings, o, vary...))
}

// over returns an operator over a link that has not been started.
func (a *account) over(link *testenv.Link, settings manager.Options, o credentials.Options, vary ...func(*controllers.Options)) manager.Manager {
	a.Helper()
	options, dial := a.endpoints, a.network.DialOver(link)
	if options.Dial == nil {
		options.Dial = dial
	}
	endpoints, err := clb.NewEndpoints(options)
	if err != nil {
		a.Fatal(err)
	}
	if o.Source == credentials.Directory {
		o.Directory = a.directory
	}
	own := types.NamespacedName{Namespace: "operator", Name: "key"}
	o.SecretName, o.GetSecret = own.Name, controllers.SecretReader(a.reader, own, "allow it")
	env := maps.Clone(a.env) // That of a process does not change.
	o.Getenv, o.Dial = func(name string) string { return env[name] }, dial
	source, err := credentials.New(o, clb.NewSTS(endpoints))
	if err != nil {
		a.Fatal(err)
	}
	api, err := clb.NewAPI(endpoints, source, 5*time.Second)
	if err != nil {
		a.Fatal(err)
	}
	sources, err := controllers.SourcesOf(a.reader, source.Identities())
	if err != nil {
		a.Fatal(err)
	}
	_ = source.Identify(a.Context()) // The operator starts without a key, too.
	return a.manager(a.cluster.ConfigOf(link), noted{api, a}, func(secret types.NamespacedName) clb.CredentialSource {
		return notedSource{sources(secret).(*credentials.Identified), a}
	}, settings, vary...)
}

// noted notes the account of the operator's own polls, and notedSource that of a Secret's.
type noted struct {
	*clb.API
	account *account
}

func (n noted) Account() string { return n.account.note(n.API.Account()) }

type notedSource struct {
	*credentials.Identified
	account *account
}

func (n notedSource) Account() string { return n.account.note(n.Identified.Account()) }

func (a *account) note(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.names, name) {
		a.names = append(a.names, name)
	}
	return name
}

// buckets returns the accounts that polls counted for since it was last called.
func (a *account) buckets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := a.names
	a.names = nil
	return names
}

// add lets the account have a key from now on, as the values of a Secret.
func (a *account) add(id string, vary ...func(*clbsim.Credential)) map[string]string {
	key := clbsim.Credential{SecretID: id, SecretKey: "key-of-" + id, Account: keyOwner}
	for _, v := range vary {
		v(&key)
	}
	a.sim.AddCredential(key)
	return map[string]string{credentials.KeySecretID: id, credentials.KeySecretKey: key.SecretKey, credentials.KeyToken: key.Token}
}

// temporary makes a key one that ends.
func temporary(lasts time.Duration) func(*clbsim.Credential) {
	return func(c *clbsim.Credential) { c.Token, c.Expires = "token-of-"+c.SecretID, time.Now().Add(lasts) }
}

// trust lets the account have the role, and its pods a token that the role trusts.
func (a *account) trust(token string) {
	a.Helper()
	a.sim.AddRole(clbsim.Role{ARN: roleARN, Account: roleOwner, WebIdentityToken: token, ExternalID: "external"})
	a.write(map[string]string{"web": token})
}

func (a *account) write(files map[string]string) {
	a.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(a.directory, name), []byte(content), 0o600); err != nil {
			a.Fatal(err)
		}
	}
}

func (a *account) setenv(values map[string]string) {
	a.env[clb.EnvSecretID], a.env[clb.EnvSecretKey], a.env[clb.EnvToken] = values[credentials.KeySecretID], values[credentials.KeySecretKey], values[credentials.KeyToken]
}

// polls returns the polls that have arrived since a time.
func (a *account) polls(since time.Time) []clbsim.Call {
	return slices.DeleteFunc(a.sim.Calls(), func(c clbsim.Call) bool { return c.Action != "DescribeTaskStatus" || c.At.Before(since) })
}

// follow adds a task to the account, and a CLBTask for it.
func (a *account) follow(id string, task clbsim.Task, vary ...func(*v1alpha1.CLBTask)) {
	a.Helper()
	task.ID = id
	a.sim.AddTask(task)
	a.apply(id, vary...)
}

// metadata is the metadata service of a machine.
type metadata struct {
	service http.Handler

	mu     sync.Mutex
	status int                                   // Of its answers, if it is not zero.
	last   map[string]*httptest.ResponseRecorder // Its last answers, by path.
}

// replay is a status that lets it repeat its last answers.
const replay = -1

func (m *metadata) set(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = status
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status > 0 {
		w.WriteHeader(m.status)
		return
	}
	if m.status != replay {
		m.last[r.URL.Path] = httptest.NewRecorder()
		m.service.ServeHTTP(m.last[r.URL.Path], r)
	}
	w.WriteHeader(m.last[r.URL.Path].Code)
	_, _ = w.Write(m.last[r.URL.Path].Body.Bytes())
}

// secretStore is the Secrets of a cluster.
type secretStore struct {
	client.Reader // Nothing but Get is called.

	mu        sync.Mutex
	data      map[types.NamespacedName]map[string][]byte
	forbidden bool
}

func (s *secretStore) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets := corev1.Resource("secrets")
	data, ok := s.data[key]
	switch {
	case s.forbidden:
		return apierrors.NewForbidden(secrets, key.Name, errors.New("no role allows it"))
	case !ok:
		return apierrors.NewNotFound(secrets, key.Name)
	}
	object.(*corev1.Secret).Data = maps.Clone(data)
	return nil
}

// set replaces a Secret, "namespace/name".
func (s *secretStore) set(namespace, name string, values map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := map[string][]byte{}
	for key, value := range values {
		data[key] = []byte(value)
	}
	s.data[types.NamespacedName{Namespace: namespace, Name: name}] = data
}

// forbid makes every Secret unreadable, or readable again.
func (s *secretStore) forbid(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbidden = yes
}
