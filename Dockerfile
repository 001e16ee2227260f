# syntax=docker/dockerfile:1
# Both bases can be replaced, for mirrors and for pinned digests.
ARG BUILD_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# Compiled on the builder's own platform, for the target's.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api api
COPY controllers controllers
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -ldflags="-s -w" -o /manager .

FROM ${BASE_IMAGE}
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
