package testenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// selection is what a list or a watch asks for.
type selection struct {
	namespace string
	selector  fields.Selector
	version   int64
}

func (c *call) selection() (selection, error) {
	selector, err := fields.ParseSelector(c.options.FieldSelector)
	if err != nil {
		return selection{}, apierrors.NewBadRequest(err.Error())
	}
	for _, requirement := range selector.Requirements() {
		if !selectable(new(object)).Has(requirement.Field) {
			return selection{}, apierrors.NewBadRequest("field label not supported: " + requirement.Field)
		}
	}
	if c.options.LabelSelector != "" {
		return selection{}, apierrors.NewBadRequest("label selectors are not supported")
	}
	version, err := strconv.ParseInt("0"+c.options.ResourceVersion, 10, 64)
	if err != nil {
		return selection{}, apierrors.NewBadRequest(err.Error())
	}
	return selection{c.key.Namespace, selector, version}, nil
}

func selectable(task *object) fields.Set {
	return fields.Set{
		"metadata.namespace": task.GetNamespace(), "metadata.name": task.GetName(),
		"spec.region": text(task, "spec", "region"), "status.phase": text(task, "status", "phase"),
	}
}

func (s selection) has(task *object) bool {
	return task != nil && (s.namespace == "" || s.namespace == task.GetNamespace()) && s.selector.Matches(selectable(task))
}

// pick returns the selected objects in the order of their keys.
func (s selection) pick(objects map[types.NamespacedName]*object) []*object {
	picked := slices.DeleteFunc(slices.Collect(maps.Values(objects)), func(task *object) bool { return !s.has(task) })
	slices.SortFunc(picked, func(a, b *object) int { return strings.Compare(path(a), path(b)) })
	return picked
}

func path(task *object) string { return task.GetNamespace() + "/" + task.GetName() }

func (c *Cluster) list(call *call) (any, error) {
	selection, err := call.selection()
	if err != nil {
		return nil, err
	}
	if selection.version > c.version {
		return nil, c.tooLarge(selection)
	}
	version, last, objects := c.version, "", c.objects
	if call.options.Continue != "" {
		if _, err := fmt.Sscan(call.options.Continue, &version, &last); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if version < c.oldest || version > c.version {
			return nil, apierrors.NewResourceExpired("the provided continue parameter is too old")
		}
		objects = c.at(version)
	} else if call.options.ResourceVersion != "" {
		version = max(c.asOf(time.Now().Add(-c.lag)), selection.version)
		objects = c.at(version)
	}
	items := slices.DeleteFunc(selection.pick(objects), func(task *object) bool { return path(task) <= last })
	metadata := metav1.ListMeta{ResourceVersion: strconv.FormatInt(version, 10)}
	if limit := int(call.options.Limit); limit > 0 && len(items) > limit {
		items = items[:limit]
		metadata.Continue = fmt.Sprint(version, " ", path(items[limit-1]))
	}
	return map[string]any{"apiVersion": tasks.GroupVersion().String(), "kind": "CLBTaskList", "metadata": metadata, "items": items}, nil
}

func (c *Cluster) tooLarge(selection selection) *apierrors.StatusError {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", selection.version, c.version), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}

// stream is the body of the response to a watch. It is filled when it is read.
type stream struct {
	selection // Its version is that of the last change seen.

	cluster   *Cluster
	epoch     int // 0 if the stream ends when the buffer is empty.
	buffer    bytes.Buffer
	timeout   <-chan time.Time
	later     <-chan time.Time // When a change is old enough to be seen.
	cancelled <-chan struct{}
	closed    chan struct{}
	close     func()
}

// watch starts a watch. As in the API server, an expired version is an event.
func (c *Cluster) watch(call *call) (any, error) {
	selection, err := call.selection()
	if err != nil {
		return nil, err
	}
	s := &stream{selection: selection, cluster: c, epoch: c.epoch, cancelled: call.Context().Done(), closed: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	if seconds := call.options.TimeoutSeconds; seconds != nil {
		s.timeout = time.After(time.Duration(*seconds) * time.Second)
	}
	streamsList := call.options.SendInitialEvents != nil && *call.options.SendInitialEvents
	switch {
	case streamsList && c.noWatchList:
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, call.verb, tasks.GroupResource(), "", "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled", 0, false)
	case streamsList && s.version > c.version:
		s.fail(c.tooLarge(selection))
	case streamsList || s.version == 0:
		version := c.version
		if call.options.ResourceVersion != "" {
			version = max(c.asOf(time.Now().Add(-c.lag)), s.version)
		}
		for _, task := range s.pick(c.at(version)) {
			s.send(watch.Added, task)
		}
		s.version = version
		if streamsList {
			s.send(watch.Bookmark, bookmark(version))
		}
	case s.version < c.oldest:
		s.fail(apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", s.version, c.oldest)))
	}
	return s, nil
}

// bookmark marks the end of a streamed list.
func bookmark(version int64) *object {
	bookmark := new(object)
	bookmark.SetGroupVersionKind(taskKind)
	bookmark.SetResourceVersion(strconv.FormatInt(version, 10))
	bookmark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	return bookmark
}

func (s *stream) fail(err *apierrors.StatusError) {
	s.send(watch.Error, typed(err.ErrStatus))
	s.epoch = 0
}

func (s *stream) send(kind watch.EventType, content any) {
	if err := json.NewEncoder(&s.buffer).Encode(map[string]any{"type": kind, "object": content}); err != nil {
		panic(err)
	}
}

// Read waits for an event. It returns io.EOF when the watch has ended for any reason.
func (s *stream) Read(p []byte) (int, error) {
	for s.buffer.Len() == 0 {
		changed, ok := s.fill()
		if !ok {
			return 0, io.EOF
		}
		if s.buffer.Len() > 0 {
			break
		}
		select {
		case <-changed:
		case <-s.later:
		case <-s.timeout:
			s.close()
		case <-s.cancelled:
			s.close()
		case <-s.closed:
			return 0, io.EOF
		}
	}
	return s.buffer.Read(p)
}

// Close ends a Read in another goroutine.
func (s *stream) Close() error {
	s.close()
	return nil
}

// fill adds the events since the last one, and returns a channel that closes when
// there may be more. It returns false if the watch has ended.
func (s *stream) fill() (changed <-chan struct{}, ok bool) {
	c := s.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.epoch != c.epoch {
		return nil, false
	}
	s.later = nil
	for _, change := range c.since(s.version) {
		if wait := time.Until(change.at.Add(c.lag)); wait > 0 {
			s.later = time.After(wait)
			break
		}
		s.version = change.version
		kind, task := watch.Modified, change.after
		switch had, has := s.has(change.before), s.has(change.after); {
		case !had && !has:
			continue
		case !had:
			kind = watch.Added
		case !has:
			kind, task = watch.Deleted, change.before.DeepCopy()
			task.SetResourceVersion(strconv.FormatInt(change.version, 10))
		}
		if c.dropRandom == nil || c.dropRandom.Float64() >= c.dropRate {
			s.send(kind, task)
		}
	}
	return c.changed, true
}
