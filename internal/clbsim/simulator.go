package clbsim

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	// defaultRequestsPerSecond is the quota of DescribeTaskStatus (API page
	// 214/33823).
	defaultRequestsPerSecond = 20
	defaultLogLimit          = 1_000_000
)

// Config says how a [Simulator] behaves. The zero value is a usable API that
// accepts no credential.
type Config struct {
	Credentials []Credential
	// RequestsPerSecond is the quota of an account, 20 by default.
	RequestsPerSecond int
	// UnknownTask is the code that refuses an unknown task, InvalidParameter by default:
	// what the real API answers is not documented.
	UnknownTask string
	// RoundTrip is the time that a request and its reply spend on the network,
	// half of it each.
	RoundTrip time.Duration
	// LogLimit is the largest number of calls that are kept for
	// [Simulator.Calls], a million by default. At the limit the older half is
	// dropped. [Simulator.Stats] counts all calls.
	LogLimit int
	// Now is the time for tasks, signatures, the quota and the Date header,
	// time.Now by default. Waits always use package time.
	Now func() time.Time
	// Seed makes the random choices of faults repeatable.
	Seed uint64
}

// Credential is a key pair that the simulator accepts.
type Credential struct {
	SecretID  string
	SecretKey string
	// Token makes the credential a temporary one: X-TC-Token must carry it.
	Token string
	// Account is the account whose quota the credential uses. By default it is
	// SecretID, an account of its own.
	Account string
	// Expires is when the credential ends; zero for never.
	Expires time.Time

	session string // What follows the user in the caller's identity.
}

// Simulator is the simulated API. It is safe for concurrent use.
type Simulator struct {
	config Config

	mu          sync.Mutex
	credentials map[string]Credential // By secret ID.
	roles       map[string]Role       // By ARN.
	random      *rand.Rand
	tasks       map[taskKey]*Task
	faults      []Fault
	buckets     map[bucketKey]*bucket
	accounts    map[string]AccountStats
	calls       []Call
	total       int // Of calls, dropped ones included.
}

var _ http.Handler = (*Simulator)(nil)

// New returns a simulator that behaves as config says.
func New(config Config) *Simulator {
	config.RequestsPerSecond = cmp.Or(config.RequestsPerSecond, defaultRequestsPerSecond)
	config.UnknownTask = cmp.Or(config.UnknownTask, "InvalidParameter")
	config.LogLimit = cmp.Or(config.LogLimit, defaultLogLimit)
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Simulator{
		config:      config,
		credentials: map[string]Credential{},
		random:      rand.New(rand.NewPCG(config.Seed, 0)),
		roles:       map[string]Role{},
		tasks:       map[taskKey]*Task{},
		buckets:     map[bucketKey]*bucket{},
		accounts:    map[string]AccountStats{},
	}
	for _, c := range config.Credentials {
		s.AddCredential(c)
	}
	return s
}
