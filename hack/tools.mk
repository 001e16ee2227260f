# Development tools and the API server for tests. The Makefile at the root
# includes this file; paths are relative to the root.
#
# A tool is compiled once, into bin/tools, and again when its go.mod or go.sum
# changes. `go tool` would compile it as well, but looks through the whole module
# on each call, which costs more than what most of these tools do.

LOCALBIN ?= $(CURDIR)/bin
TOOLBIN := $(LOCALBIN)/tools

# A rule that runs a tool names its variable as a prerequisite. A variable set to
# a tool installed elsewhere is used as it is, since the rules below only know
# how to make those in bin/tools.
CONTROLLER_GEN ?= $(TOOLBIN)/controller-gen
KUSTOMIZE ?= $(TOOLBIN)/kustomize
GOLANGCI_LINT ?= $(TOOLBIN)/golangci-lint
CRD_REF_DOCS ?= $(TOOLBIN)/crd-ref-docs
HELM_DOCS ?= $(TOOLBIN)/helm-docs
# Those of a release.
CYCLONEDX_GOMOD ?= $(TOOLBIN)/cyclonedx-gomod
HELM ?= $(TOOLBIN)/helm
KUBECONFORM ?= $(TOOLBIN)/kubeconform
# It takes long to compile, and any of the last years will do.
PROMTOOL ?= $(or $(shell command -v promtool),$(TOOLBIN)/promtool)

# The version of Kubernetes that tests run against: X.Y.Z, or X.Y for the newest
# patch. The default is the one that hack/envtest/go.mod pins.
ENVTEST_K8S_VERSION ?= $(shell sed -n 's,^.*k8s\.io/kubernetes v\([0-9.]*\).*,\1,p' hack/envtest/go.mod)

# What `make envtest` made. Tests take it as KUBEBUILDER_ASSETS. It is not
# exported under that name, because a KUBEBUILDER_ASSETS from outside tells
# `make envtest` to use that one.
ENVTEST_ASSETS := $(LOCALBIN)/k8s/current

.PHONY: tools
tools: $(CONTROLLER_GEN) $(KUSTOMIZE) $(GOLANGCI_LINT) $(CRD_REF_DOCS) $(HELM_DOCS) $(PROMTOOL) ## Compile the development tools into bin/tools.

.PHONY: envtest
envtest: ## Put etcd, kube-apiserver and kubectl into bin/k8s/current.
	@hack/envtest/build.sh --bin-dir "$(LOCALBIN)" $(ENVTEST_K8S_VERSION)

$(TOOLBIN)/controller-gen: TOOL_PACKAGE := sigs.k8s.io/controller-tools/cmd/controller-gen
$(TOOLBIN)/kustomize: TOOL_PACKAGE := sigs.k8s.io/kustomize/kustomize/v5
$(TOOLBIN)/crd-ref-docs: TOOL_PACKAGE := github.com/elastic/crd-ref-docs
$(TOOLBIN)/helm-docs: TOOL_PACKAGE := github.com/norwoodj/helm-docs/cmd/helm-docs
$(TOOLBIN)/cyclonedx-gomod: TOOL_PACKAGE := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(TOOLBIN)/kubeconform: TOOL_PACKAGE := github.com/yannh/kubeconform/cmd/kubeconform
$(TOOLBIN)/helm: TOOL_PACKAGE := helm.sh/helm/v4/cmd/helm
$(TOOLBIN)/golangci-lint: TOOL_PACKAGE := sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter

$(TOOLBIN)/promtool: TOOL_PACKAGE := github.com/prometheus/prometheus/cmd/promtool
$(TOOLBIN)/promtool: TOOL_TAGS := remove_all_sd

$(TOOLBIN)/controller-gen $(TOOLBIN)/kustomize $(TOOLBIN)/crd-ref-docs $(TOOLBIN)/helm-docs $(TOOLBIN)/cyclonedx-gomod $(TOOLBIN)/kubeconform: hack/tools/go.mod hack/tools/go.sum
	$(call build-tool,hack/tools)

# The version of Helm that the chart is tested with.
$(TOOLBIN)/helm: test/chart/go.mod test/chart/go.sum
	$(call build-tool,test/chart)

$(TOOLBIN)/golangci-lint: hack/tools/lint/go.mod hack/tools/lint/go.sum
	$(call build-tool,hack/tools/lint)

$(TOOLBIN)/promtool: hack/tools/promtool/go.mod hack/tools/promtool/go.sum
	$(call build-tool,hack/tools/promtool)

# build-tool compiles TOOL_PACKAGE from the module in a folder. The tool runs on
# this machine, whatever the caller is compiling the operator for, and against
# its own module, whatever workspace the caller has. An interrupted build must
# not leave half a binary that make takes for a whole one.
define build-tool
@echo "building $(@F) (once)"
@mkdir -p "$(@D)"
@CGO_ENABLED=0 GOOS= GOARCH= GOWORK=off go -C $(1) build -mod=readonly -buildvcs=false -trimpath -tags=$(TOOL_TAGS) \
	-o "$@.tmp" $(TOOL_PACKAGE) && mv -f "$@.tmp" "$@"
endef
