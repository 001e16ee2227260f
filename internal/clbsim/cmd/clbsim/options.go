package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// usageError is a mistake of whoever started the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

type options struct {
	config clbsim.Config

	listen           string
	adminListen      string
	allowNonLoopback bool
	tasksFile        string
	tls              bool
	tlsNames         []string
	caFile           string
}

// account is that of the one credential there is.
func (o options) account() string { return o.config.Credentials[0].SecretID }

// parseOptions reads flags and environment. It prints the flags to usage and
// returns flag.ErrHelp when they are asked for.
func parseOptions(args []string, usage io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("clbsim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:9443", "`address` of the simulated API; port 0 is a free one")
	flags.StringVar(&o.adminListen, "admin-listen", "", "`address` of the control API; none if empty")
	flags.BoolVar(&o.allowNonLoopback, "allow-non-loopback", false, "allow addresses that other machines reach")
	flags.IntVar(&o.config.RequestsPerSecond, "requests-per-second", 20, "quota of an account: `calls` a second")
	flags.TextVar(&o.config.Window, "window", clbsim.Sliding, "`window` of the quota: sliding or fixed")
	flags.DurationVar(&o.config.RoundTrip, "round-trip", 0, "`time` on the network, there and back")
	flags.Uint64Var(&o.config.Seed, "seed", 0, "`seed` of random choices")
	flags.StringVar(&o.tasksFile, "tasks", "", "JSON `file` with a list of tasks to begin with")
	flags.BoolVar(&o.tls, "tls", false, "serve HTTPS with a new self-signed certificate")
	flags.Func("tls-names", "comma-separated host `names` of the certificate, besides localhost", func(names string) error {
		o.tlsNames = strings.Split(names, ",")
		return nil
	})
	flags.StringVar(&o.caFile, "ca-file", "", "`file` to write that certificate to")
	flags.Func("task-clock", "`clock` of tasks: start (it begins when a task is added, the default) or first-seen (when it is first asked for)",
		func(clock string) error {
			o.config.ClockFromFirstAsk = clock == "first-seen"
			if !o.config.ClockFromFirstAsk && clock != "start" {
				return errors.New("it must be start or first-seen")
			}
			return nil
		})

	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(usage)
		flags.Usage()
		return o, err
	case err != nil:
		return o, usageError{err}
	case flags.NArg() > 0:
		return o, usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	if err := o.check(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

func (o *options) check() error {
	if o.config.RequestsPerSecond <= 0 {
		return errors.New("--requests-per-second must be positive")
	}
	if o.config.RoundTrip < 0 {
		return errors.New("--round-trip must not be negative")
	}
	if o.tls != (o.caFile != "") {
		return errors.New("--tls and --ca-file go together")
	}
	if err := o.checkAddress("--listen", o.listen); err != nil {
		return err
	}
	if o.adminListen != "" {
		if err := o.checkAddress("--admin-listen", o.adminListen); err != nil {
			return err
		}
	}
	// Not flags, since every user of the machine sees those.
	credential := clbsim.Credential{
		SecretID:  os.Getenv("TENCENTCLOUD_SECRET_ID"),
		SecretKey: os.Getenv("TENCENTCLOUD_SECRET_KEY"),
		Token:     os.Getenv("TENCENTCLOUD_TOKEN"),
	}
	if credential.SecretID == "" || credential.SecretKey == "" {
		return errors.New("TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY must be set in the environment")
	}
	o.config.Credentials = []clbsim.Credential{credential}
	return nil
}

// checkAddress keeps the simulator, which does whatever the control API says,
// away from other machines unless that is asked for.
func (o *options) checkAddress(name, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ip := net.ParseIP(host)
	if loopback := host == "localhost" || ip != nil && ip.IsLoopback(); !loopback && !o.allowNonLoopback {
		return fmt.Errorf("%s %s is not a loopback address; --allow-non-loopback allows it", name, address)
	}
	return nil
}
