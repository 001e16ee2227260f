package clbsim

import (
	"encoding"
	"fmt"
	"time"
)

const (
	defaultRequestsPerSecond = 20
	defaultLogLimit          = 1_000_000
)

// Config says how a [Simulator] behaves. The zero value is a usable API that
// nobody has a credential for.
type Config struct {
	// Credentials are accepted from the start; see [Simulator.SetCredential].
	Credentials []Credential

	// RequestsPerSecond is the quota of an account, 20 by default, as the page
	// of DescribeTaskStatus says (API page 214/33823).
	RequestsPerSecond int
	// Window is how a second of the quota is cut out of time; the real way is
	// not documented, so the default is the strictest.
	Window Window

	// RoundTrip is the time a request and its answer spend on the network,
	// half of it each.
	RoundTrip time.Duration

	// Regions, if not empty, are the only ones that exist: UnsupportedRegion
	// is the answer for all others.
	Regions []string
	// Hosts, if not empty, are the only host names (in lower case, without
	// port) that are served, each with the regions that it answers for and with
	// a quota of its own. A host without regions answers for all but the
	// finance regions (*-fsi), which in the real cloud answer nowhere but on a
	// host of their own.
	Hosts map[string][]string

	// UnknownTask is the answer for a task that does not exist, is of another
	// region or account, or is not visible yet. "<id>" in its message stands
	// for what was asked for. What the real API answers is not documented; the
	// default is InvalidParameter, "The task <id> does not exist."
	UnknownTask APIError

	// ClockFromFirstAsk lets every task begin when its ID is first asked for,
	// as if each had [Task.FromFirstAsk].
	ClockFromFirstAsk bool

	// LogLimit bounds the calls kept for [Simulator.Calls], a million by
	// default; the oldest go first. Totals are not bounded.
	LogLimit int

	// Now tells the time for tasks, tokens, signatures, the quota and the Date
	// header of answers; time.Now by default. Waits (RoundTrip, Latency) are
	// always those of package time, so a test that needs both to agree runs in
	// a testing/synctest bubble and leaves Now alone.
	Now func() time.Time

	// Seed makes the random choices of faults (Share, Jitter) repeatable.
	Seed uint64
}

func (c Config) withDefaults() Config {
	if c.RequestsPerSecond <= 0 {
		c.RequestsPerSecond = defaultRequestsPerSecond
	}
	if c.LogLimit <= 0 {
		c.LogLimit = defaultLogLimit
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.UnknownTask.Code == "" {
		c.UnknownTask.Code = "InvalidParameter"
	}
	if c.UnknownTask.Message == "" {
		c.UnknownTask.Message = "The task <id> does not exist."
	}
	return c
}

// Credential is a key pair that the simulator accepts.
type Credential struct {
	SecretID string
	// SecretKey is, like Token, left out of JSON and String.
	SecretKey string `json:"-"`

	// Token makes the credential a temporary one: requests must carry it in
	// X-TC-Token.
	Token string `json:"-"`
	// TokenExpires is when the token ends; zero is never.
	TokenExpires time.Time

	// Account is whose quota the credential uses; by default SecretID, an
	// account of its own.
	Account string
}

// String names the credential without its secrets, so that no log, failed
// test or panic shows them.
func (c Credential) String() string {
	return fmt.Sprintf("credential %s of account %s", c.SecretID, c.account())
}

// GoString is String, for %#v.
func (c Credential) GoString() string { return c.String() }

func (c Credential) account() string {
	if c.Account == "" {
		return c.SecretID
	}
	return c.Account
}

// APIError is a refusal as the API words it.
type APIError struct {
	Code    string
	Message string
}

// Window is how the seconds of the quota are cut out of time. It is written
// "sliding" and "fixed".
type Window int

const (
	// Sliding refuses an arrival when the quota was used up within the second
	// before it, whenever that second began.
	Sliding Window = iota
	// Fixed starts counting anew with every second of the clock.
	Fixed
)

var windowNames = names[Window]{Sliding: "sliding", Fixed: "fixed"}

var (
	_ encoding.TextMarshaler   = Window(0)
	_ encoding.TextUnmarshaler = (*Window)(nil)
)

// String returns the written form.
func (w Window) String() string { return windowNames.text(w) }

// MarshalText returns the written form; it fails for values that have none.
func (w Window) MarshalText() ([]byte, error) { return windowNames.marshal(w) }

// UnmarshalText reads the written form; it fails for any other text.
func (w *Window) UnmarshalText(text []byte) error { return windowNames.unmarshal(w, text) }
