package testenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

var (
	tasks     = v1alpha1.GroupVersion.WithResource("clbtasks")
	taskKind  = v1alpha1.GroupVersion.WithKind("CLBTask")
	leases    = coordinationv1.SchemeGroupVersion.WithResource("leases")
	events    = eventsv1.SchemeGroupVersion.WithResource("events")
	eventKind = eventsv1.SchemeGroupVersion.WithKind("Event")
)

// Lost returns a fault that lets a request be served, but loses the response.
func Lost(err error) error { return lostError{err} }

type lostError struct{ error }

// IsStatusWrite reports whether a request changes the status of a CLBTask.
func IsStatusWrite(request *http.Request) bool {
	return request.Method != http.MethodGet && strings.HasSuffix(request.URL.Path, "/status")
}

// transport serves requests in the goroutine that sends them.
type transport struct {
	cluster *Cluster
	exempt  bool // From faults, gaps and records.
}

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	call, err := parse(request)
	if err != nil {
		return nil, err
	}
	if t.exempt {
		return t.cluster.serve(call, false)
	}
	var response *http.Response
	var status apierrors.APIStatus
	err = t.cluster.disturb(call)
	lost, isLost := errors.AsType[lostError](err)
	switch {
	case err == nil:
		response, err = t.cluster.serve(call, true)
	case isLost:
		if _, err = t.cluster.serve(call, true); err == nil {
			err = lost.error
		}
	case errors.As(err, &status):
		response, err = call.respond(status.Status())
	}
	t.cluster.record(call, response)
	return response, err
}

// call is a request and what it asks for.
type call struct {
	*http.Request

	body          []byte
	resource      schema.GroupVersionResource
	subresource   string
	verb          string
	key           types.NamespacedName
	options       metav1.ListOptions
	statusWritten types.UID
}

func parse(request *http.Request) (*call, error) {
	c := &call{Request: request.Clone(request.Context())}
	if request.Body != nil {
		defer func() { _ = request.Body.Close() }()
		var err error
		if c.body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		c.Body = io.NopCloser(bytes.NewReader(c.body))
	}
	query := request.URL.Query()
	if err := metav1.Convert_url_Values_To_v1_ListOptions(&query, &c.options, nil); err != nil {
		return nil, err
	}
	// "", apis, GROUP, VERSION, [namespaces, NAMESPACE,] RESOURCE, [NAME, [SUBRESOURCE]]
	parts := append(strings.Split(request.URL.Path, "/"), "", "")
	if len(parts) > 8 && parts[4] == "namespaces" {
		c.key.Namespace = parts[5]
		parts = slices.Delete(parts, 4, 6)
	}
	if len(parts) > 6 {
		c.resource = schema.GroupVersionResource{Group: parts[2], Version: parts[3], Resource: parts[4]}
		c.key.Name, c.subresource = parts[5], parts[6]
	}
	c.verb = map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[request.Method]
	switch {
	case c.options.Watch:
		c.verb = "watch"
	case c.verb == "get" && c.key.Name == "":
		c.verb = "list"
	}
	return c, nil
}

func (c *call) respond(content any) (*http.Response, error) {
	code := http.StatusOK
	if c.verb == "create" {
		code = http.StatusCreated
	}
	if status, ok := content.(metav1.Status); ok {
		code, content = int(status.Code), typed(status)
	}
	body, ok := content.(io.ReadCloser)
	if !ok {
		text, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		body = io.NopCloser(bytes.NewReader(text))
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: body, ContentLength: -1, Request: c.Request}, nil
}

func typed(status metav1.Status) metav1.Status {
	status.Kind, status.APIVersion = "Status", "v1"
	return status
}

// disturb delays a call and returns its fault.
func (c *Cluster) disturb(call *call) error {
	c.mu.Lock()
	fault, latency := c.fault, c.latency
	c.mu.Unlock()
	if latency > 0 && call.resource == tasks {
		select {
		case <-time.After(latency):
		case <-call.Context().Done():
		}
	}
	if err := call.Context().Err(); err != nil || fault == nil {
		return err
	}
	return fault(call.Request)
}

func (c *Cluster) record(call *call, response *http.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	request := Request{Time: time.Now(), Verb: call.verb, Path: call.URL.Path}
	if response != nil {
		request.Code = response.StatusCode
	}
	c.requests = append(c.requests, request)
	if call.statusWritten != "" {
		c.statusWrites[call.statusWritten]++
	}
}

// serve answers a call. If wait is true, lists and watches wait for the end of a gap.
func (c *Cluster) serve(call *call, wait bool) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for wait && c.gap && (call.verb == "list" || call.verb == "watch") {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-call.Context().Done():
		}
		c.mu.Lock()
		if err := call.Context().Err(); err != nil {
			return nil, err
		}
	}
	content, err := c.handle(call)
	if refusal, ok := errors.AsType[*apierrors.StatusError](err); ok {
		return call.respond(refusal.ErrStatus)
	}
	if err != nil {
		return nil, err
	}
	return call.respond(content)
}

func (c *Cluster) handle(call *call) (any, error) {
	known := call.resource == tasks && (call.subresource == "" || call.subresource == "status") ||
		call.resource == events && (call.verb == "create" || call.verb == "patch") ||
		call.resource == leases && (call.verb == "get" || call.verb == "create" || call.verb == "update")
	switch {
	case !known:
		return nil, apierrors.NewGenericServerResponse(http.StatusNotFound, call.verb, call.resource.GroupResource(), call.key.Name, "", 0, true)
	case call.resource == events:
		return c.writeEvent(call)
	case call.resource == leases:
		return c.lease(call)
	case call.verb == "list":
		return c.list(call)
	case call.verb == "watch":
		return c.watch(call)
	case call.verb == "create":
		return c.create(call)
	}
	task := c.objects[call.key]
	switch {
	case task == nil:
		return nil, apierrors.NewNotFound(tasks.GroupResource(), call.key.Name)
	case call.verb == "get":
		return task, nil
	case call.verb == "delete":
		return c.delete(call, task)
	}
	return c.write(call, task)
}
