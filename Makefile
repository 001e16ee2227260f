# What a developer or user runs. `make help` lists it.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

include hack/tools.mk

# The version of a release, such as v0.1.0, and the repository of its image.
VERSION ?= dev
IMAGE ?= clbtask-operator
# The image that the install manifest names, and that docker-build makes.
IMG ?= $(IMAGE):$(VERSION)
# What it is: manager, or simulator for the image clbtask-simulator.
TARGET ?= manager
# The platforms of docker-buildx.
PLATFORMS ?= linux/amd64,linux/arm64
CHART := charts/clbtask-operator

comma := ,
# GOPROXY has no value here: docker takes the caller's, if there is one.
DOCKER_FLAGS = --target $(TARGET) --build-arg GOPROXY --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(shell git describe --always --dirty --abbrev=12 --exclude='*')

##@ Use

.PHONY: demo
demo: build envtest ## Run the operator against a simulated cloud, on this machine. KEEP=1 stays up.
	@go build -o bin/demo ./hack/demo
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" bin/demo --manager bin/manager $(if $(filter-out 0,$(KEEP)),--keep)

.PHONY: build
build: ## Compile the operator to bin/manager.
	@echo "compiling bin/manager"
	@go build -o bin/manager .

.PHONY: plugin
plugin: ## Compile the kubectl plugin to bin/kubectl-clbtask.
	@echo "compiling bin/kubectl-clbtask"
	@go -C cmd/kubectl-clbtask build -o "$(LOCALBIN)/kubectl-clbtask" .

.PHONY: install-manifest
install-manifest: $(KUSTOMIZE) ## Write dist/install.yaml, naming the image IMG.
	@mkdir -p dist
	@$(KUSTOMIZE) build config/default | sed 's|image: clbtask-operator:dev|image: $(IMG)|' > dist/install.yaml
	@echo "dist/install.yaml, with image $(IMG)"

.PHONY: docker-build
docker-build: ## Build the container image IMG for this machine.
	docker build $(DOCKER_FLAGS) -t $(IMG) .

.PHONY: docker-buildx
docker-buildx: ## Build and push the container image IMG for PLATFORMS.
	docker buildx build --push --platform $(PLATFORMS) $(DOCKER_FLAGS) -t $(IMG) .

.PHONY: release
release: $(KUSTOMIZE) $(HELM) $(CYCLONEDX_GOMOD) ## Write the release VERSION to dist, naming the image IMAGE:VERSION.
	@KUSTOMIZE="$(KUSTOMIZE)" HELM="$(HELM)" CYCLONEDX_GOMOD="$(CYCLONEDX_GOMOD)" hack/release.sh "$(VERSION)" "$(IMAGE)" dist $(subst $(comma), ,$(PLATFORMS))

##@ Develop

.PHONY: test
test: envtest ## Run all tests of all modules, against a real API server.
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-main test-long test-gitops test-chart test-plugin

.PHONY: test-main
test-main: envtest ## Run the tests of the main module, with the race detector.
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go test -race -short -vet=off -timeout 30m ./...

.PHONY: test-long
test-long: ## Run, without the race detector, the tests of many polls that test-main leaves out, and play 10,000 lives under random faults.
	@GOGC=400 go test -vet=off -timeout 30m ./internal/lifecycle ./internal/polling
	@GOGC=400 go test -vet=off -timeout 30m ./controllers -skip '^TestControllers$$' -simulate.seeds=31

.PHONY: soak
soak: ## Play the operator under random faults, with SEEDS seeds from SEED on, some 320 lives each. One line a minute.
	@go test -c -vet=off -o bin/simulation ./controllers
	@cd controllers && GOGC=400 ../bin/simulation -test.run '^TestSimulation$$' -test.timeout=0 -simulate.seed=$(or $(SEED),0) -simulate.seeds=$(or $(SEEDS),10000) $(SOAK_FLAGS)

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZTIME. What it finds is kept in testdata/fuzz, and is tested from then on.
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' "$$file" | while read -r target; do \
			go -C "$$(dirname "$$file")" test -vet=off -run "^$$target\$$" -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),1m) . | tail -n 1; \
		done; \
	done

.PHONY: test-gitops
test-gitops: envtest ## Let the tools that wait for objects judge CLBTasks, and try the guides.
	@command -v jq > /dev/null || { echo "the guide for plain CI needs jq: install it"; exit 1; }
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go -C test/gitops test -vet=off -count=1 -timeout=40m . $(GITOPS_FLAGS)

.PHONY: test-chart
test-chart: envtest ## Render, install and uninstall the Helm chart with Helm 3 and 4, and run the operator as it says.
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go -C test/chart test -vet=off -count=1 .

.PHONY: test-plugin
test-plugin: envtest ## Run the tests of the kubectl plugin: in a pipe and on a terminal, with a real kubectl and API server.
	@go -C cmd/kubectl-clbtask test -race -vet=off ./internal/...
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go -C cmd/kubectl-clbtask test -vet=off -count=1 .

.PHONY: test-image
test-image: envtest ## Build the container images and run them as a cluster would. It needs root and buildah, and says what else.
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go test -tags=image -count=1 -timeout=30m -v ./test/image

.PHONY: test-release
test-release: $(KUSTOMIZE) $(HELM) $(CYCLONEDX_GOMOD) $(KUBECONFORM) ## Make a release twice, and check what is in it.
	@KUSTOMIZE="$(KUSTOMIZE)" HELM="$(HELM)" CYCLONEDX_GOMOD="$(CYCLONEDX_GOMOD)" KUBECONFORM="$(KUBECONFORM)" go test -tags=release -count=1 -timeout=30m -v ./test/release

.PHONY: test-upgrade
test-upgrade: envtest ## Upgrade from FROM, a tag or commit, to this version under load, and roll back.
	@from=$$(mktemp -d) && trap 'rm -rf "$$from"' EXIT && git archive "$(FROM)" | tar -x -C "$$from" && go -C "$$from" build -o bin/manager . && \
		KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go test ./test/e2e -count=1 -v -run '^TestUpgrade$$' -upgrade.from="$$from"

.PHONY: gitops-table
gitops-table: ## Write what test-gitops finds: docs/gitops.md, readings, dumps, health_test.yaml, quotes.
	@$(MAKE) test-gitops GITOPS_FLAGS=-update

.PHONY: bench
bench: build envtest ## Compare ways to poll, side by side; about 70 minutes. Writes docs/benchmarks.
	@mkdir -p bin
	@go test -run '^TestCompareOrders$$' ./internal/polling -args -compare="$(LOCALBIN)/orders.json"
	@{ go test -run '^$$' -bench . ./internal/polling; go test -run '^$$' -bench . ./controllers; } | tee "$(LOCALBIN)/cost.txt"
	@go build -o bin/clbsim ./internal/clbsim/cmd/clbsim
	@go -C test/bench build -o "$(LOCALBIN)/bench" .
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" "$(LOCALBIN)/bench" -crds config/crd/bases -simulator bin/clbsim -manager bin/manager -orders "$(LOCALBIN)/orders.json" -cost "$(LOCALBIN)/cost.txt" -out docs/benchmarks

.PHONY: bench-short
bench-short: envtest ## See that the benchmarks run, with small loads.
	@go -C test/bench build -o "$(LOCALBIN)/bench" .
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" "$(LOCALBIN)/bench" -crds config/crd/bases -short

.PHONY: bench-scale
bench-scale: build envtest ## Measure the operator with 100,000 finished and 20,000 running CLBTasks; 45 minutes, or longer with CHURN=1h. Writes docs/benchmarks/scale.md.
	@go -C test/bench build -o "$(LOCALBIN)/bench" .
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" "$(LOCALBIN)/bench" -crds config/crd/bases -scale -manager bin/manager -churn $(or $(CHURN),24m) -out docs/benchmarks

.PHONY: dashboard-picture
dashboard-picture: build envtest ## Draw docs/dashboard.svg: what a Prometheus says to the dashboard's queries, after some minutes of varied load.
	@command -v prometheus > /dev/null || { echo "this needs prometheus (Debian has a package): install it"; exit 1; }
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" go -C test/bench run ./dashboard --manager "$(LOCALBIN)/manager" --out "$(CURDIR)/docs/dashboard.svg"

.PHONY: recording
recording: build plugin envtest ## Record the line of the README on a terminal, against the demo: docs/recording.svg. It needs asciinema and npm.
	@go build -o bin/demo ./hack/demo
	@KUBEBUILDER_ASSETS="$(ENVTEST_ASSETS)" hack/recording.sh

.PHONY: generate
generate: build $(CONTROLLER_GEN) $(CRD_REF_DOCS) $(HELM_DOCS) ## Make everything that is generated.
	@$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/...
	@$(CONTROLLER_GEN) applyconfiguration:headerFile=hack/boilerplate.go.txt paths=./api/...
	@$(CONTROLLER_GEN) crd paths=./api/... output:crd:dir=config/crd/bases
	@$(CONTROLLER_GEN) rbac:roleName=manager paths=./controllers/... output:rbac:dir=config/rbac
	@$(CRD_REF_DOCS) --log-level=ERROR --source-path=api --config=hack/crd-ref-docs.yaml --renderer=markdown --output-path=docs/api.md
	@go run ./hack/reference --manager bin/manager
	@cp config/crd/bases/clb.tencentcloud.com_clbtasks.yaml $(CHART)/files/crd.yaml
	@cp config/rbac/role.yaml $(CHART)/files/role.yaml
	@go -C hack/dashboard run . > $(CHART)/files/dashboard.json
	@cp $(CHART)/files/dashboard.json config/monitoring/dashboard.json
	@cp config/monitoring/rules.yaml $(CHART)/files/rules.yaml
	@{ cat hack/prometheusrule.yaml.txt; sed -n '/^groups:/,$$s/^/  /p' config/monitoring/rules.yaml; } > config/monitoring/prometheusrule.yaml
	@$(HELM_DOCS) --log-level=error --chart-search-root=$(CHART) --sort-values-order=file

.PHONY: tidy
tidy: ## Tidy the main module, and those of the plugin, the dashboard and the tests.
	@go mod tidy
	@for module in cmd/kubectl-clbtask hack/dashboard test/bench test/chart test/gitops test/gitops/argocd; do go -C $$module mod tidy; done

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters, gofmt and go vet among them.
	@$(GOLANGCI_LINT) run ./...
	@for module in cmd/kubectl-clbtask hack/dashboard test/bench; do (cd $$module && $(GOLANGCI_LINT) run --config ../../.golangci.yaml ./...); done

WHOLE_PROGRAM_LINTERS := bodyclose,contextcheck,nilerr,staticcheck,unparam,unused

.PHONY: lint-gitops
lint-gitops: $(GOLANGCI_LINT) ## Run the linters on the tests of the waiters and the chart, but for those that would analyse all of the waiters' and Helm's code.
	@cd test/chart && $(GOLANGCI_LINT) run --config ../../.golangci.yaml --disable $(WHOLE_PROGRAM_LINTERS) ./...
	@cd test/gitops && $(GOLANGCI_LINT) run --config ../../.golangci.yaml --disable $(WHOLE_PROGRAM_LINTERS) ./...
	@cd test/gitops/argocd && $(GOLANGCI_LINT) run --config ../../../.golangci.yaml --disable $(WHOLE_PROGRAM_LINTERS) ./...

.PHONY: manifests-check
manifests-check: $(KUSTOMIZE) ## Build every kustomization.
	@for dir in crd rbac manager default samples monitoring; do $(KUSTOMIZE) build config/$$dir > /dev/null; done

.PHONY: monitoring-check
monitoring-check: $(PROMTOOL) ## Test the alerts by promtool, and the queries of the dashboard and the runbook against them.
	@$(PROMTOOL) check rules config/monitoring/rules.yaml > /dev/null
	@$(PROMTOOL) test rules config/monitoring/rules_test.yaml
	@go -C hack/dashboard test -vet=off -count=1 .

.PHONY: versions-check
versions-check: ## See that all modules require the same version of a module. Argo CD brings its own.
	@awk '/^(\t|require )[^ ]+ v/ && !/indirect/ {sub(/^require /, ""); if ($$1 in seen && seen[$$1] != $$2) {print FILENAME ": " $$1 " " $$2 ", elsewhere " seen[$$1]; bad = 1} seen[$$1] = $$2} END {exit bad}' $$(git ls-files '*go.mod' ':!test/gitops/argocd')

.PHONY: verify
verify: generate tidy versions-check lint manifests-check monitoring-check ## Regenerate and lint; fail where that changes a file.
	@changed=$$(git status --porcelain); test -z "$$changed" || { echo "not clean after make generate tidy:"; echo "$$changed"; git diff | head -50; exit 1; }
	@echo "verify: clean"

.PHONY: clean
clean: ## Remove what was compiled, but for the control plane in bin/k8s.
	@rm -rf bin/manager bin/kubectl-clbtask bin/demo bin/bench bin/clbsim bin/orders.json bin/cost.txt bin/simulation bin/tools dist

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile hack/tools.mk
