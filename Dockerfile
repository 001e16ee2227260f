# syntax=docker/dockerfile:1
# Both bases can be replaced, for mirrors and for pinned digests.
ARG BUILD_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# Compiled on the builder's own platform, for the target's.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
# Where modules come from, if not from Go's default: a mirror or a proxy.
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api api
COPY controllers controllers
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=""
ARG COMMIT=""
# Each package becomes a program in /out, named by the folder.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
    -ldflags="-s -w -X github.com/clbtask/clbtask-operator/internal/version.version=${VERSION} -X github.com/clbtask/clbtask-operator/internal/version.commit=${COMMIT}" \
    -o /out/ . ./internal/clbsim/cmd/clbsim

# The simulator of the API, to try the operator without an account. It is an image of its own.
FROM ${BASE_IMAGE} AS simulator
COPY --from=build /out/clbsim /clbsim
USER 65532:65532
ENTRYPOINT ["/clbsim"]

# The operator is last, so it is what is built without --target.
FROM ${BASE_IMAGE} AS manager
COPY --from=build /out/clbtask-operator /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
