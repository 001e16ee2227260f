package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
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

	It("takes every region's form", func() {
		for _, region := range []string{"ap-guangzhou", "na-siliconvalley", "ap-shanghai-fsi", "ap-shenzhen-jxcft", "eu-frankfurt", "me-saudi-arabia"} {
			Expect(create("r-1", region)).To(Succeed(), region)
		}
	})

	It("refuses what is no region, and says what one looks like", func() {
		for _, region := range []string{
			"", "Guangzhou", "AP-GUANGZHOU", "guangzhou", "ap-", "ap_guangzhou", "ap-guangzhou.evil.example", "ap-guangzhou/",
			"ap-guangzhou-3", "ap-guangzhou\n", "ap-" + strings.Repeat("x", 50),
		} {
			err := create("r-1", region)
			Expect(err).To(MatchError(ContainSubstring("spec.region")), region)
			if region != "" && len(region) <= 40 {
				Expect(err).To(MatchError(ContainSubstring("such as ap-guangzhou")), region)
			}
		}
	})

	It("takes a request ID of 128 characters, and refuses what is none", func() {
		Expect(create(strings.Repeat("x", 128), "ap-guangzhou")).To(Succeed())
		for _, id := range []string{"", "two words", "r/1", "r-1\n", strings.Repeat("x", 129)} {
			Expect(create(id, "ap-guangzhou")).To(MatchError(ContainSubstring("spec.requestId")), id)
		}
	})

	DescribeTable("takes seconds within limits", func(field string, taken, refused []string) {
		try := func(seconds string) error {
			task := new(unstructured.Unstructured)
			Expect(json.Unmarshal(fmt.Appendf(nil, `{"apiVersion": "clb.tencentcloud.com/v1alpha1", "kind": "CLBTask",
				"metadata": {"namespace": %q, "generateName": "limited-"},
				"spec": {"requestId": "r-1", "region": "ap-guangzhou", %q: %s}}`, w.namespace, field, seconds), task)).To(Succeed())
			return k8s.Create(w.ctx, task)
		}
		for _, seconds := range taken {
			Expect(try(seconds)).To(Succeed(), seconds)
		}
		for _, seconds := range refused {
			Expect(try(seconds)).To(MatchError(ContainSubstring("spec."+field)), seconds)
		}
	},
		Entry("a deadline from one to a year", "activeDeadlineSeconds", []string{"1", "31536000"}, []string{"0", "-1", "31536001", "1.5", `"10m"`}),
		Entry("a TTL from zero", "ttlSecondsAfterFinished", []string{"0", "2147483647"}, []string{"-1", "2147483648", "1.5", `"10m"`}))

	It("lets a TTL be set, changed and removed, and keeps a zero", func() {
		task := w.apply("ttl", "r-1")
		for _, seconds := range []*int64{new(int64(0)), new(int64(60)), nil} {
			task.Spec.TTLSecondsAfterFinished = seconds
			Expect(k8s.Update(w.ctx, task)).To(Succeed())
			fresh, err := w.get(task)
			Expect(err).NotTo(HaveOccurred())
			Expect(fresh.Spec.TTLSecondsAfterFinished).To(Equal(seconds))
		}
	})

	It("lets a task without a verdict begin again, and a verdict name a token", func() {
		task := w.apply("again", "r-1")
		write := func(phase v1alpha1.Phase, began bool, token string) {
			GinkgoHelper()
			task.Status.Phase, task.Status.StartTime, task.Status.LastHandledReconcileAt = phase, nil, token
			if began {
				task.Status.StartTime = new(metav1.Now())
			}
			Expect(k8s.Status().Update(w.ctx, task)).To(Succeed())
			Expect(task.Status.StartTime != nil).To(Equal(began))
		}
		write(v1alpha1.PhaseRunning, true, "")
		write(v1alpha1.PhaseSuspended, false, "")
		write(v1alpha1.PhaseUnknown, false, "")
		write(v1alpha1.PhasePending, false, strings.Repeat("原", v1alpha1.MaxTokenLength))
		write(v1alpha1.PhaseSucceeded, true, "one")
		write(v1alpha1.PhaseSucceeded, true, "two")
		task.Status.LastHandledReconcileAt = strings.Repeat("x", v1alpha1.MaxTokenLength+1)
		Expect(k8s.Status().Update(w.ctx, task)).To(MatchError(ContainSubstring("lastHandledReconcileAt")))
	})

	It("refuses to delete an object that is another one or has changed", func() {
		task := w.apply("deleted", "r-1")
		uid, version := task.UID, task.ResourceVersion
		Expect(k8s.Delete(w.ctx, task, client.Preconditions{UID: new(types.UID("other"))})).To(MatchError(apierrors.IsConflict, "a conflict"))
		w.edit(task, `{"suspend":true}`)
		Expect(k8s.Delete(w.ctx, task, client.Preconditions{UID: &uid, ResourceVersion: &version})).To(MatchError(apierrors.IsConflict, "a conflict"))
		Expect(k8s.Delete(w.ctx, task, client.Preconditions{UID: &uid})).To(Succeed())
	})

	It("refuses to change what is followed", func() {
		task := w.apply("fixed", "r-1")
		task.Spec.RequestID = "r-2"
		Expect(k8s.Update(w.ctx, task)).To(MatchError(ContainSubstring("requestId is immutable")))
		task.Spec.RequestID, task.Spec.Region = "r-1", "ap-beijing"
		Expect(k8s.Update(w.ctx, task)).To(MatchError(ContainSubstring("region is immutable")))
	})

	DescribeTable("takes what names one request, and says what is wrong with what does not", func(spec v1alpha1.CLBTaskSpec, complaints ...string) {
		spec.Region = region
		err := k8s.Create(w.ctx, &v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "t-"}, Spec: spec})
		if len(complaints) == 0 {
			Expect(err).NotTo(HaveOccurred())
		}
		for _, complaint := range complaints {
			Expect(err).To(MatchError(ContainSubstring(complaint)))
		}
	},
		Entry("a request", v1alpha1.CLBTaskSpec{RequestID: "r-1"}),
		Entry("an order", v1alpha1.CLBTaskSpec{DealName: "20261129000001"}),
		Entry("an order of clb", v1alpha1.CLBTaskSpec{DealName: "d-1", Product: v1alpha1.ProductCLB}),
		Entry("a request of gwlb", v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: v1alpha1.ProductGWLB}),
		Entry("an action", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "CreateListener"}),
		Entry("the longest action", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "A" + strings.Repeat("x", 63)}),
		Entry("neither", v1alpha1.CLBTaskSpec{}, "spec.requestId: Required", "or dealName"),
		Entry("both", v1alpha1.CLBTaskSpec{RequestID: "r-1", DealName: "d-1"}, "spec.dealName: Forbidden", "not both"),
		Entry("an order of gwlb", v1alpha1.CLBTaskSpec{DealName: "d-1", Product: v1alpha1.ProductGWLB}, "spec.dealName: Forbidden", "give the requestId"),
		Entry("no deal name", v1alpha1.CLBTaskSpec{DealName: "two words"}, "spec.dealName", "exactly as the CLB call returned it"),
		Entry("a deal name that is too long", v1alpha1.CLBTaskSpec{DealName: strings.Repeat("x", 129)}, "spec.dealName"),
		Entry("another product", v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "alb"}, "spec.product", `"clb", "gwlb"`),
		Entry("an action in small letters", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "createListener"}, "spec.action", "such as CreateListener"),
		Entry("an action of one letter", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "C"}, "spec.action", "such as CreateListener"),
		Entry("an action with a newline", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "Create\n"}, "spec.action", "such as CreateListener"),
		Entry("an action that is too long", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "A" + strings.Repeat("x", 64)}, "spec.action"))

	DescribeTable("refuses to let another request be followed", func(from, to v1alpha1.CLBTaskSpec, complaint string) {
		task := w.apply("fixed", from.RequestID, func(spec *v1alpha1.CLBTaskSpec) { *spec, spec.Region = from, region })
		Expect(task.Spec.Product).To(Equal(from.Product), "no default is written into the spec")
		task.Spec, task.Spec.Region = to, region
		err := k8s.Update(w.ctx, task)
		if complaint == "" {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(MatchError(ContainSubstring(complaint)))
		}
	},
		Entry("an order instead of a request", v1alpha1.CLBTaskSpec{RequestID: "r-1"}, v1alpha1.CLBTaskSpec{DealName: "d-1"}, "requestId and dealName are immutable"),
		Entry("a request instead of an order", v1alpha1.CLBTaskSpec{DealName: "d-1"}, v1alpha1.CLBTaskSpec{RequestID: "r-1"}, "requestId and dealName are immutable"),
		Entry("another order", v1alpha1.CLBTaskSpec{DealName: "d-1"}, v1alpha1.CLBTaskSpec{DealName: "d-2"}, "dealName is immutable"),
		Entry("another product", v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "clb"}, v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "gwlb"}, "product is immutable"),
		Entry("a product where there was none", v1alpha1.CLBTaskSpec{RequestID: "r-1"}, v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "gwlb"}, "product is immutable"),
		Entry("no product where there was one", v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "gwlb"}, v1alpha1.CLBTaskSpec{RequestID: "r-1"}, "product is immutable"),
		Entry("but clb may be spelt out", v1alpha1.CLBTaskSpec{RequestID: "r-1"}, v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "clb"}, ""),
		Entry("and be left out", v1alpha1.CLBTaskSpec{RequestID: "r-1", Product: "clb"}, v1alpha1.CLBTaskSpec{RequestID: "r-1"}, ""),
		Entry("an action may be set later", v1alpha1.CLBTaskSpec{RequestID: "r-1"}, v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "CreateRule"}, ""),
		Entry("but not changed", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "CreateRule"}, v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "DeleteRule"}, "action is immutable"),
		Entry("nor removed", v1alpha1.CLBTaskSpec{RequestID: "r-1", Action: "CreateRule"}, v1alpha1.CLBTaskSpec{RequestID: "r-1"}, "action is immutable"))

	It("takes the samples, and shows more of them in a wide table", func() {
		files, err := filepath.Glob("../config/samples/*clbtask*.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(files)).To(BeNumerically(">", 1))
		for _, file := range files {
			content, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			for document := range strings.SplitSeq(string(content), "---\n") {
				task := new(unstructured.Unstructured)
				Expect(yaml.Unmarshal([]byte(document), task)).To(Succeed())
				task.SetNamespace(w.namespace)
				Expect(k8s.Create(w.ctx, task, client.FieldValidation("Strict"))).To(Succeed(), document)
			}
		}
		table, wide := new(metav1.Table), map[string]any{}
		clientset, err := kubernetes.NewForConfig(cluster.Config)
		Expect(err).NotTo(HaveOccurred())
		request := clientset.RESTClient().Get().AbsPath("/apis/clb.tencentcloud.com/v1alpha1/namespaces", w.namespace, "clbtasks", "order-prepaid-lb")
		raw, err := request.SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(w.ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Unmarshal(raw, table)).To(Succeed())
		for i, column := range table.ColumnDefinitions {
			if column.Priority == 1 {
				wide[column.Name] = table.Rows[0].Cells[i]
			}
		}
		Expect(wide).To(And(HaveKeyWithValue("Deal Name", "20261129000001"), HaveKeyWithValue("Action", "CreateLoadBalancer"), HaveKey("Product")))
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
		Expect(matrix.Row(fresh.Status)).To(Equal(matrix.Pending))
	})

	DescribeTable("never lets a verdict be changed", func(result clbsim.Result, deadline int64, reached string, phase v1alpha1.Phase) {
		w.run()
		task := w.reach(w.follow("final", clbsim.Task{Result: result}, limit(deadline)), reached)
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
		Entry("success", clbsim.Succeeded, int64(0), matrix.Succeeded, v1alpha1.PhaseSucceeded),
		Entry("failure", clbsim.Failed, int64(0), matrix.Failed, v1alpha1.PhaseFailed),
		Entry("deadline", clbsim.Stuck, int64(1), matrix.Expired, v1alpha1.PhaseFailed))

	It("lets the cache select unfinished tasks: fresh ones are in it, and one that finishes is deleted from it", func() {
		options := controllers.Options{Namespaces: []string{w.namespace}}.CacheOptions()
		options.Scheme = cluster.Scheme
		c, err := cache.New(cluster.Config, options)
		Expect(err).NotTo(HaveOccurred())
		informer, err := c.GetInformer(w.ctx, new(v1alpha1.CLBTask), cache.BlockUntilSynced(false))
		Expect(err).NotTo(HaveOccurred())
		seen := make(chan string, 100)
		name := func(object any) string {
			task := object.(*v1alpha1.CLBTask)
			Expect(task.ManagedFields).To(BeEmpty())
			return task.Name
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { seen <- "added " + name(object) },
			DeleteFunc: func(object any) { seen <- "deleted " + name(object) },
		})
		Expect(err).NotTo(HaveOccurred())
		ctx, cancel := context.WithCancel(w.ctx)
		DeferCleanup(cancel)
		go func() { _ = c.Start(ctx) }()
		before := w.follow("before", clbsim.Task{})
		Eventually(seen).WithTimeout(10 * time.Second).Should(Receive(Equal("added before")))
		w.run()
		w.reach(before, matrix.Succeeded)
		Eventually(seen).WithTimeout(10 * time.Second).Should(Receive(Equal("deleted before")))
		w.apply("typo", "r-unknown")
		Eventually(seen).WithTimeout(10 * time.Second).Should(Receive(Equal("added typo")))
	})

	It("selects tasks by region and by phase", func() {
		w.run()
		w.reach(w.follow("one", clbsim.Task{}), matrix.Succeeded)
		w.apply("two", "r-unknown")
		list := new(v1alpha1.CLBTaskList)
		Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace), client.MatchingFields{"status.phase": "Succeeded"})).To(Succeed())
		Expect(list.Items).To(HaveLen(1))
		finished := fields.ParseSelectorOrDie("status.phase!=Pending,status.phase!=Running,status.phase!=Suspended,status.phase!=Unknown")
		Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace), client.MatchingFieldsSelector{Selector: finished})).To(Succeed())
		Expect(list.Items).To(HaveLen(1))
		Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace), client.MatchingFields{"spec.region": region})).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
	})
})
