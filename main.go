// Command manager runs clbtask-operator: it follows asynchronous tasks of Tencent
// Cloud's load balancer (CLB) and writes how they end to CLBTask objects.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // Credential plugins of kubeconfigs.
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/lease"
	"github.com/clbtask/clbtask-operator/internal/version"
)

// shutdownTimeout bounds how long calls and writes that are under way may take at the end.
const shutdownTimeout = 10 * time.Second

// settings are the flags.
type settings struct {
	kubeconfig string
	manager    ctrl.Options
	endpoints  clb.EndpointOptions
	// credentials lack GetSecret, for which a manager is needed.
	credentials credentials.Options
	timeout     time.Duration
	controller  controllers.Options
	logging     zap.Options
}

// watch adds a list of namespaces.
func (s *settings) watch(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		if len(validation.IsDNS1123Label(name)) > 0 {
			return fmt.Errorf("%q is not the name of a namespace", name)
		}
		s.controller.Namespaces = append(s.controller.Namespaces, name)
	}
	return nil
}

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// parse reads the flags. What --help and --version say is written to help, with flag.ErrHelp.
func parse(args []string, help io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	config.RegisterFlags(flags) // --kubeconfig
	s.logging.BindFlags(flags)  // --zap-*
	printVersion := flags.Bool("version", false, "Print the version and end.")
	s.bindLeaderElection(flags)
	s.bindMetrics(flags)
	flags.StringVar(&s.manager.HealthProbeBindAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz; 0 for none.")
	flags.Func("clb-endpoint", "`URL` that takes the calls of all regions instead of Tencent Cloud's hosts, or REGION=URL for those of one; may be given several times. Plain http to loopback hosts only.", func(override string) error {
		s.endpoints.Overrides = append(s.endpoints.Overrides, override)
		return nil
	})
	flags.StringVar(&s.endpoints.RootDomain, "clb-root-domain", clb.DefaultRootDomain, "Root domain of Tencent Cloud's API hosts, such as intl.tencentcloudapi.com or internal.tencentcloudapi.com.")
	finance := flags.String("clb-finance-regions", strings.Join(clb.DefaultFinanceRegions, ","), "Comma-separated `regions` that answer only on a host of their own, clb.REGION.ROOTDOMAIN or gwlb.REGION.ROOTDOMAIN. The list replaces the default; all other regions share one host.")
	flags.BoolVar(&s.endpoints.RegionalEndpoints, "clb-regional-endpoints", false, "Call each known region at a host of its own, clb.REGION.ROOTDOMAIN or gwlb.REGION.ROOTDOMAIN.")
	regions := flags.String("clb-regions", "", "Comma-separated `regions` that are known beside Tencent Cloud's list, for --clb-regional-endpoints.")
	flags.StringVar(&s.endpoints.CAFile, "ca-file", "", "`File` of PEM certificates of authorities to trust beside the system's, such as that of an inspecting proxy.")
	s.bindCredentials(flags)
	flags.IntVar(&s.controller.Slots, "clb-requests-per-second", 10, "Calls a second for each API host and account, from 1 to 20. The API counts 20, shared with all other programs of the account.")
	flags.DurationVar(&s.timeout, "clb-timeout", 5*time.Second, "Time-out of one call.")
	flags.DurationVar(&s.controller.NotFoundGrace, "clb-not-found-grace", 2*time.Minute, "How long after an object's creation a request that the API does not know may still become known.")
	flags.DurationVar(&s.controller.DefaultTTL, "default-ttl-after-finished", 0, "How long after its end a CLBTask without ttlSecondsAfterFinished is deleted, such as 168h; 0 for never. It spares objects with labels or annotations of Flux, Argo CD, Helm, kapp, Fleet or kpt, and those with an owner.")
	flags.Func("watch-namespaces", "Comma-separated `namespaces` to watch (default all); may be given several times.", s.watch)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintln(help, "manager follows asynchronous tasks of Tencent Cloud's load balancer (CLB). Flags:")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return s, flag.ErrHelp
	case err != nil:
		return s, fmt.Errorf("%w (see --help)", err)
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q (see --help)", flags.Arg(0))
	case *printVersion:
		_, _ = fmt.Fprintln(help, "clbtask-operator", version.Get())
		return s, flag.ErrHelp
	}
	s.endpoints.FinanceRegions = strings.Split(*finance, ",")
	if *regions != "" {
		s.endpoints.Regions = strings.Split(*regions, ",")
	}
	s.kubeconfig = flags.Lookup(config.KubeconfigFlagName).Value.String()
	return s, errors.Join(s.validateLeaderElection(), s.controller.Validate())
}

// bindLeaderElection adds the flags of the lease. A replica looks for it every one to two
// retry periods, and makes its first call a second after it has it.
func (s *settings) bindLeaderElection(flags *flag.FlagSet) {
	m := &s.manager
	flags.BoolVar(&m.LeaderElection, "leader-elect", false, "Let only one of several replicas poll the API at a time.")
	flags.StringVar(&m.LeaderElectionID, "leader-election-id", "clbtask-operator.clb.tencentcloud.com", "Name of the Lease that the replicas of one installation share.")
	m.LeaseDuration = flags.Duration("leader-election-lease-duration", 15*time.Second, "How long after a leader's last sign of life another replica takes over.")
	m.RenewDeadline = flags.Duration("leader-election-renew-deadline", 10*time.Second, "How long a leader tries to renew the lease before it ends.")
	m.RetryPeriod = flags.Duration("leader-election-retry-period", 500*time.Millisecond, "Time between two attempts to get or renew the lease.")
}

// validateLeaderElection refuses what client-go would panic about.
func (s *settings) validateLeaderElection() error {
	duration, renew, retry := *s.manager.LeaseDuration, *s.manager.RenewDeadline, *s.manager.RetryPeriod
	if retry <= 0 || renew < 2*retry || duration <= renew {
		return fmt.Errorf("a lease of %v, to be renewed within %v by attempts every %v: give --leader-election-lease-duration more than --leader-election-renew-deadline, and that at least twice --leader-election-retry-period", duration, renew, retry)
	}
	return nil
}

// bindMetrics adds the flags of the metrics endpoint.
func (s *settings) bindMetrics(flags *flag.FlagSet) {
	m := &s.manager.Metrics
	flags.StringVar(&m.BindAddress, "metrics-bind-address", ":8443", "Address of the metrics endpoint; 0 for none.")
	flags.BoolVar(&m.SecureServing, "metrics-secure", true, "Serve metrics by TLS, to those alone whom RBAC lets get /metrics. False is plain http for everybody.")
	flags.StringVar(&m.CertDir, "metrics-cert-dir", "", "`Directory` of tls.crt and tls.key for the metrics endpoint; they may be replaced at any time. Without it the certificate is self-signed.")
	m.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }} // HTTP/2 can be made to do endless work.
}

// bindCredentials adds the flags that choose the key.
func (s *settings) bindCredentials(flags *flag.FlagSet) {
	c := &s.credentials
	flags.StringVar(&c.Source, "credentials", credentials.Auto, "Where the key comes from: env, directory, pod-identity, secret, cvm-role, or auto for the first of the first four that is set up.")
	flags.StringVar(&c.Directory, "credentials-directory", "", "`Directory` of the files secretId, secretKey and token, such as a mounted Secret.")
	flags.StringVar(&c.SecretName, "credentials-secret", "clbtask-operator-credentials", "Secret in the operator's namespace with the keys secretId, secretKey and token.")
	flags.StringVar(&c.AssumeRoleARN, "assume-role-arn", "", "Role to assume with that key, such as qcs::cam::uin/100000000001:roleName/clbtask.")
	flags.StringVar(&c.AssumeRoleExternalID, "assume-role-external-id", "", "External ID that the trust policy of the role demands.")
	flags.StringVar(&c.STSRegion, "sts-region", "", "Region that STS is called in: a finance region for a role there. (default TKE_REGION, or else ap-guangzhou)")
	flags.StringVar(&s.endpoints.STSEndpoint, "sts-endpoint", "", "`URL` that takes the calls of STS instead of Tencent Cloud's hosts. Without it no STS is called if --clb-endpoint is given for all regions.")
}

func run(ctx context.Context, args []string, help io.Writer) error {
	s, err := parse(args, help)
	if err != nil {
		return err
	}
	endpoints, err := clb.NewEndpoints(s.endpoints)
	if err != nil {
		return err
	}
	var readSecret credentials.GetSecret // It needs the manager.
	s.credentials.Getenv = os.Getenv
	s.credentials.GetSecret = func(ctx context.Context) (map[string][]byte, error) { return readSecret(ctx) }
	source, err := credentials.New(s.credentials, clb.NewSTS(endpoints))
	if err != nil {
		return err
	}
	api, err := clb.NewAPI(endpoints, source, s.timeout)
	if err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&s.logging)))
	klog.SetLogger(ctrl.Log.WithName("client-go")) // Else its lines would look different.
	ctrl.Log.Info("Operator starts", "version", version.Get().String())
	// The garbage collector works harder at nine tenths of the container's limit, before the
	// kernel ends the process.
	if _, err := memlimit.Set(); err != nil {
		ctrl.Log.Info("Limit of the memory not known", "reason", err.Error())
	}
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	namespace, err := s.namespace()
	if err != nil {
		return err
	}
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	mgr, err := newManager(ctx, cluster, &s, namespace, lease.New(lost))
	if err != nil {
		return err
	}
	own := types.NamespacedName{Namespace: namespace, Name: s.credentials.SecretName}
	readSecret = controllers.SecretReader(mgr.GetAPIReader(), own, "allow the operator's ServiceAccount to get it in namespace "+namespace)
	sources, err := controllers.SourcesOf(mgr.GetAPIReader(), source.Identities())
	if err != nil {
		return err
	}
	ctrl.Log.Info("Credentials chosen", "source", source.String())
	// The owner of the key names the quota, so the first poll should know it. It can do without.
	if err := source.Identify(ctx); err != nil {
		ctrl.Log.Info("Owner of the credentials not known yet", "reason", err.Error())
	}
	if err := controllers.SetupCLBTaskController(mgr, api, sources, s.controller); err != nil { //nolint:contextcheck // What it sets up lives as long as the manager.
		return err
	}
	if err := start(ctx, mgr); err != nil || !errors.Is(context.Cause(ctx), lease.ErrLost) {
		return err
	}
	return lease.ErrLost
}

// start runs the manager until ctx ends. While its cache is not filled it does not notice
// that, and nothing else runs yet: then it is left behind.
func start(ctx context.Context, mgr ctrl.Manager) error {
	filled, ended := make(controllers.Filled), make(chan error, 1)
	if err := mgr.Add(filled); err != nil {
		return err
	}
	go func() { ended <- mgr.Start(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-filled:
		return <-ended
	case <-ctx.Done():
		return nil
	}
}

// namespace returns the operator's: the pod's, or outside a cluster the kubeconfig's.
func (s *settings) namespace() (string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.kubeconfig
	namespace, _, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).Namespace()
	if err != nil {
		return "", fmt.Errorf("find the operator's namespace: %w", err)
	}
	return namespace, nil
}

// newManager makes the controller-runtime manager: cache, leader election, metrics
// and probes. It leaves out the namespaces that it may not watch.
func newManager(ctx context.Context, cluster *rest.Config, s *settings, namespace string, lock *lease.Lock) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	leftOut, err := s.controller.LeaveOut(ctx, cluster)
	if err != nil {
		return nil, err
	}
	s.manager.Scheme, s.manager.Cache = scheme, s.controller.CacheOptions()
	if s.manager.Metrics.SecureServing {
		s.manager.Metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	s.manager.LeaderElectionNamespace, s.manager.LeaderElectionResourceLockInterface = namespace, lock
	// The process ends then, too, and the next leader waits before its first call.
	s.manager.LeaderElectionReleaseOnCancel = true
	// The lease is released after that, so it must end before the kubelet kills the pod.
	s.manager.GracefulShutdownTimeout = new(shutdownTimeout)
	mgr, err := ctrl.NewManager(cluster, s.manager)
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, errors.Join(lock.Open(cluster, mgr, &s.manager), mgr.AddHealthzCheck("ping", healthz.Ping), leftOut.AddTo(mgr))
}
