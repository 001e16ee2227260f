package controllers

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/polling"
	"github.com/clbtask/clbtask-operator/internal/version"
)

// The operator's own metrics, beside those of controller-runtime. No label is text that
// users write: a region is, so the label is the host that serves it.
var (
	apiCalls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_api_calls_total",
		Help: "Calls of DescribeTaskStatus by host, by code (OK, or that of the error) and by class: what a failure is about, which is request, endpoint, account or quota.",
	}, []string{"host", "code", "class"})

	apiCallSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "clbtask_api_call_duration_seconds",
		Help:    "Duration of a call of DescribeTaskStatus, by host.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"host"})

	pollResults = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_poll_results_total",
		Help: "Polls by result: succeeded, failed, in_progress, or error.",
	}, []string{"result"})

	tasksFinished = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_tasks_finished_total",
		Help: "Tasks that reached a final phase, by that phase and by reason.",
	}, []string{"phase", "reason"})

	pollQueueSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "clbtask_poll_queue_duration_seconds",
		Help:    "How long a request that was due waited for its turn to be polled.",
		Buckets: []float64{.001, .01, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
	})

	taskSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "clbtask_task_duration_seconds",
		Help:    "Time from the creation of a task to its final phase, by that phase.",
		Buckets: []float64{1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
	}, []string{"phase"})

	detectionDelay = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "clbtask_detection_delay_bound_seconds",
		Help:    "Time from the last poll that was answered in progress to the one that brought the verdict: the end of the task came in between.",
		Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
	})

	buildInfo = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "clbtask_build_info",
		Help: "Always 1, with the operator's version, its commit if that is known, and the version of Go.",
	}, []string{"version", "revision", "goversion"})
)

// simulatedHosts is kept for hosts that answered.
var simulatedHosts = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "clbtask_simulated",
	Help: "1 if the answers of a host come from a simulator, and no verdict says anything of the cloud; 0 if not. By host.",
}, []string{"host"})

// noteSimulator keeps the metric that tells simulated answers, and logs the first one.
func (p *poller) noteSimulator(host string, status clb.TaskStatus, failed *clb.Error) {
	requestID := status.RequestID
	if failed != nil {
		requestID = failed.RequestID
	}
	switch {
	case clb.Simulated(requestID):
		simulatedHosts.WithLabelValues(host).Set(1)
		p.simulated.Do(func() {
			log.FromContext(p.ctx).Info("The API is a simulator: no verdict says anything of the cloud", "host", host)
		})
	case requestID != "":
		simulatedHosts.WithLabelValues(host).Set(0)
	}
}

// polled reads the poller of the controller that runs when it is scraped.
type polled struct {
	poller                                      atomic.Pointer[poller]
	tracked, slots, inUse, utilization, overdue *prometheus.Desc
}

var ofPoller = &polled{
	tracked:     prometheus.NewDesc("clbtask_tracked_requests", "Requests that this process polls, by host and phase: Pending until this process has had the first answer, Running from then on.", []string{"host", "phase"}, nil),
	slots:       prometheus.NewDesc("clbtask_quota_slots", "Calls a second that may be made now, by host: fewer than configured if others use the quota.", []string{"host"}, nil),
	inUse:       prometheus.NewDesc("clbtask_quota_slots_in_use", "Slots of the quota that are taken, by host.", []string{"host"}, nil),
	utilization: prometheus.NewDesc("clbtask_quota_utilization_ratio", "Share of the slots that are taken, of the account for which it is largest, by host.", []string{"host"}, nil),
	overdue:     prometheus.NewDesc("clbtask_overdue_seconds", "Longest time that a request has been due and has waited for its turn, by host.", []string{"host"}, nil),
}

// Describe implements prometheus.Collector.
func (p *polled) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, descs) }

// Collect implements prometheus.Collector. The accounts of a host are added up.
func (p *polled) Collect(found chan<- prometheus.Metric) {
	poller := p.poller.Load()
	if poller == nil {
		return
	}
	hosts, utilization := map[string]polling.Stats{}, map[string]float64{}
	for bucket, stats := range poller.scheduler.Stats() {
		sum := hosts[bucket.Host]
		hosts[bucket.Host] = polling.Stats{
			Slots: sum.Slots + stats.Slots, SlotsInUse: sum.SlotsInUse + stats.SlotsInUse,
			Overdue: max(sum.Overdue, stats.Overdue),
		}
		utilization[bucket.Host] = max(utilization[bucket.Host], float64(stats.SlotsInUse)/float64(max(stats.Slots, 1)))
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		found <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	tracked := map[[2]string]int{} // By host and phase.
	poller.mu.Lock()
	regions := poller.known.tracked()
	poller.mu.Unlock()
	for at, count := range regions {
		tracked[[2]string{poller.api.Endpoint(at.product, at.region).Host, string(at.phase)}] += count
	}
	for host, stats := range hosts {
		for _, phase := range []v1alpha1.Phase{v1alpha1.PhasePending, v1alpha1.PhaseRunning} { // Also if it is zero, so that the series goes on.
			gauge(p.tracked, float64(tracked[[2]string{host, string(phase)}]), host, string(phase))
		}
		gauge(p.slots, float64(stats.Slots), host)
		gauge(p.inUse, float64(stats.SlotsInUse), host)
		gauge(p.utilization, utilization[host], host)
		gauge(p.overdue, stats.Overdue, host)
	}
}

func init() {
	build := version.Get()
	buildInfo.WithLabelValues(build.Version, build.Commit, build.GoVersion).Set(1)
	metrics.Registry.MustRegister(apiCalls, apiCallSeconds, pollResults, tasksFinished, pollQueueSeconds, taskSeconds, detectionDelay, simulatedHosts, ofPoller, buildInfo)
}
