package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The operator's own metrics, beside those of controller-runtime.
var (
	apiCalls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_api_calls_total",
		Help: "Calls of DescribeTaskStatus by region and by code: OK, or the code of the error.",
	}, []string{"region", "code"})

	apiCallSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "clbtask_api_call_duration_seconds",
		Help:    "How long a call of DescribeTaskStatus took, by region.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"region"})

	answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_answers_total",
		Help: "Answers of the API about tasks, by what they say.",
	}, []string{"answer"})

	verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clbtask_verdicts_total",
		Help: "Tasks that reached a final phase, by that phase and by reason.",
	}, []string{"phase", "reason"})

	turnWaitSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "clbtask_turn_wait_seconds",
		Help:    "How long a task that was due waited for its turn to be asked about.",
		Buckets: []float64{.001, .01, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
	})

	trackedTasks = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "clbtask_tracked_tasks",
		Help: "Tasks without a final phase that this process asks about.",
	})
)

func init() {
	metrics.Registry.MustRegister(apiCalls, apiCallSeconds, answers, verdicts, turnWaitSeconds, trackedTasks)
}
