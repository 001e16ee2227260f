package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

var _ = Describe("The API server", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{}) })

	create := func(requestID, region string) error {
		return k8s.Create(w.ctx, &v1alpha1.CLBTask{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "t-"},
			Spec:       v1alpha1.CLBTaskSpec{RequestID: requestID, Region: region},
		})
	}

	DescribeTable("takes every region's form", func(region string) { Expect(create("r-1", region)).To(Succeed()) },
		Entry(nil, "ap-guangzhou"), Entry(nil, "na-siliconvalley"), Entry(nil, "ap-shanghai-fsi"),
		Entry(nil, "ap-shenzhen-jxcft"), Entry(nil, "eu-frankfurt"), Entry(nil, "me-saudi-arabia"))

	DescribeTable("refuses what is no region, and says what one looks like", func(region string) {
		Expect(create("r-1", region)).To(MatchError(ContainSubstring("spec.region")))
		if region != "" && len(region) <= 40 {
			Expect(create("r-1", region)).To(MatchError(ContainSubstring("such as ap-guangzhou")))
		}
	},
		Entry(nil, ""), Entry(nil, "Guangzhou"), Entry(nil, "AP-GUANGZHOU"), Entry(nil, "guangzhou"), Entry(nil, "ap-"),
		Entry(nil, "ap_guangzhou"), Entry(nil, "ap-guangzhou.evil.example"), Entry(nil, "ap-guangzhou/"), Entry(nil, "ap-guangzhou-3"),
		Entry(nil, "ap-guangzhou\n"), Entry(nil, "ap-"+strings.Repeat("x", 50)))

	DescribeTable("refuses what is no request ID", func(id string) {
		Expect(create(id, "ap-guangzhou")).To(MatchError(ContainSubstring("spec.requestId")))
	},
		Entry(nil, ""), Entry(nil, "two words"), Entry(nil, "r/1"), Entry(nil, "r-1\n"), Entry(nil, strings.Repeat("x", 129)))

	It("takes a request ID of 128 characters", func() {
		Expect(create(strings.Repeat("x", 128), "ap-guangzhou")).To(Succeed())
	})

	DescribeTable("takes a deadline from a second to a year", func(seconds int64) {
		task := w.apply("limited", "r-1", limit(seconds))
		Expect(task.Spec.ActiveDeadlineSeconds).To(Equal(seconds))
	},
		Entry(nil, int64(1)), Entry(nil, int64(31536000)))

	DescribeTable("refuses what is no deadline", func(seconds string) {
		task := new(unstructured.Unstructured)
		Expect(json.Unmarshal(fmt.Appendf(nil, `{"apiVersion": "clb.tencentcloud.com/v1alpha1", "kind": "CLBTask",
			"metadata": {"namespace": %q, "name": "limited"},
			"spec": {"requestId": "r-1", "region": "ap-guangzhou", "activeDeadlineSeconds": %s}}`, w.namespace, seconds), task)).To(Succeed())
		Expect(k8s.Create(w.ctx, task)).To(MatchError(ContainSubstring("spec.activeDeadlineSeconds")))
	},
		Entry(nil, "0"), Entry(nil, "-1"), Entry(nil, "31536001"), Entry(nil, "1.5"), Entry(nil, `"10m"`))

	It("refuses to change what is followed", func() {
		task := w.apply("fixed", "r-1")
		task.Spec.RequestID = "r-2"
		Expect(k8s.Update(w.ctx, task)).To(MatchError(ContainSubstring("requestId is immutable")))
		task.Spec.RequestID, task.Spec.Region = "r-1", "ap-beijing"
		Expect(k8s.Update(w.ctx, task)).To(MatchError(ContainSubstring("region is immutable")))
	})

	It("ignores a status that a client sends along", func() {
		task := &v1alpha1.CLBTask{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "forged"},
			Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou"},
			Status:     v1alpha1.CLBTaskStatus{Phase: v1alpha1.PhaseSucceeded},
		}
		Expect(k8s.Create(w.ctx, task)).To(Succeed())
		fresh, err := w.get(task)
		Expect(err).NotTo(HaveOccurred())
		Expect(row(fresh.Status)).To(Equal(rowFresh))
	})

	DescribeTable("never lets a verdict be changed", func(outcome clbsim.Outcome, deadline int64, reached string, phase v1alpha1.Phase) {
		w.run()
		task := w.reach(w.follow("final", clbsim.Task{Outcome: outcome}, limit(deadline)), reached)
		for _, other := range []v1alpha1.Phase{v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseSuspended, v1alpha1.PhaseSucceeded, v1alpha1.PhaseFailed, v1alpha1.PhaseUnknown, ""} {
			if other == phase {
				continue
			}
			changed := task.DeepCopy()
			changed.Status.Phase = other
			Expect(k8s.Status().Update(w.ctx, changed)).To(MatchError(ContainSubstring("a verdict never changes")), string(other))
		}
		removed := client.RawPatch("application/merge-patch+json", []byte(`{"status":null}`))
		Expect(k8s.Status().Patch(w.ctx, task.DeepCopy(), removed)).To(MatchError(ContainSubstring("a verdict never changes")))
	},
		Entry("success", clbsim.Succeeded, int64(0), rowSucceeded, v1alpha1.PhaseSucceeded),
		Entry("failure", clbsim.Failed, int64(0), rowFailed, v1alpha1.PhaseFailed),
		Entry("deadline", clbsim.Stuck, int64(1), rowExpired, v1alpha1.PhaseFailed))

	It("selects tasks by region and by phase", func() {
		w.run()
		w.reach(w.follow("one", clbsim.Task{}), rowSucceeded)
		w.apply("two", "r-unknown")
		list := new(v1alpha1.CLBTaskList)
		Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace), client.MatchingFields{"status.phase": "Succeeded"})).To(Succeed())
		Expect(list.Items).To(HaveLen(1))
		Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace), client.MatchingFields{"spec.region": region})).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
	})
})
