package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The operator's own metrics, beside those of controller-runtime. No label is text that
// users write: a region is, so the label is the host that serves it.
var (
	apiCalls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_api_calls_total",
		Help: "Calls of DescribeTaskStatus by host and by code: OK, or the code of the error.",
	}, []string{"host", "code"})

	apiCallSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "clbtask_api_call_duration_seconds",
		Help:    "Duration of a call of DescribeTaskStatus, by host.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"host"})

	pollResults = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_poll_results_total",
		Help: "Polls by result: succeeded, failed, in_progress, or error.",
	}, []string{"result"})

	verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_verdicts_total",
		Help: "Tasks that reached a final phase, by that phase and by reason.",
	}, []string{"phase", "reason"})

	pollQueueSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "clbtask_poll_queue_duration_seconds",
		Help:    "How long a request that was due waited for its turn to be polled.",
		Buckets: []float64{.001, .01, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
	})

	trackedRequests = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "clbtask_tracked_requests",
		Help: "Requests that this process polls.",
	})
)

func init() {
	metrics.Registry.MustRegister(apiCalls, apiCallSeconds, pollResults, verdicts, pollQueueSeconds, trackedRequests)
}
