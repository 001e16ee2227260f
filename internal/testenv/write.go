package testenv

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (c *Cluster) create(call *call) (any, error) {
	task := new(object)
	if err := task.UnmarshalJSON(call.body); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	c.created++
	if call.key.Name = task.GetName(); call.key.Name == "" {
		call.key.Name = fmt.Sprintf("%s%05d", task.GetGenerateName(), c.created)
	}
	task.SetNamespace(call.key.Namespace)
	task.SetName(call.key.Name)
	task.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", c.created)))
	task.SetCreationTimestamp(metav1.NewTime(time.Now().Add(c.skew).Truncate(time.Second)))
	task.SetGeneration(1)
	delete(task.Object, "status")
	return c.commit(call, nil, task)
}

// write updates or patches a task or its status.
func (c *Cluster) write(call *call, before *object) (any, error) {
	given := before.DeepCopy()
	if call.verb == "update" {
		given.Object = nil
		if err := given.UnmarshalJSON(call.body); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	} else {
		if kind := call.Header.Get("Content-Type"); kind != string(types.MergePatchType) {
			return nil, apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, call.verb, tasks.GroupResource(), call.key.Name, "only merge patches are supported", 0, true)
		}
		var patch map[string]any
		if err := utiljson.Unmarshal(call.body, &patch); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		merge(given.Object, patch)
	}
	c.crd.complete(given)
	switch {
	case given.GetResourceVersion() == "":
		return nil, apierrors.NewInvalid(taskKind.GroupKind(), call.key.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
	case call.verb == "patch" && call.subresource == "" && given.GetUID() != before.GetUID():
		return nil, apierrors.NewInvalid(taskKind.GroupKind(), call.key.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", "uid"), given.GetUID(), "field is immutable")})
	case given.GetResourceVersion() != before.GetResourceVersion() || call.verb == "update" && given.GetUID() != "" && given.GetUID() != before.GetUID():
		return nil, apierrors.NewConflict(tasks.GroupResource(), call.key.Name, errors.New("the object has been modified; please apply your changes to the latest version and try again"))
	}
	// The status endpoint changes the status alone, and the other one all the rest.
	after, status := given, before.Object["status"]
	if call.subresource == "status" {
		after, status = before.DeepCopy(), given.Object["status"]
	}
	after.Object["status"] = status
	after.SetUID(before.GetUID())
	after.SetCreationTimestamp(before.GetCreationTimestamp())
	after.SetGeneration(before.GetGeneration())
	if !reflect.DeepEqual(after.Object["spec"], before.Object["spec"]) {
		after.SetGeneration(before.GetGeneration() + 1)
	}
	return c.commit(call, before, after)
}

// delete removes a task, unless a precondition does not hold.
func (c *Cluster) delete(call *call, before *object) (any, error) {
	var options metav1.DeleteOptions
	if len(call.body) > 0 {
		if err := json.Unmarshal(call.body, &options); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	if p := options.Preconditions; p != nil {
		differs := func(what, wanted, is string) error {
			return apierrors.NewConflict(tasks.GroupResource(), call.key.Name, fmt.Errorf("the precondition failed: %s in precondition: %s, %s in object meta: %s", what, wanted, what, is))
		}
		if p.UID != nil && *p.UID != before.GetUID() {
			return nil, differs("UID", string(*p.UID), string(before.GetUID()))
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != before.GetResourceVersion() {
			return nil, differs("ResourceVersion", *p.ResourceVersion, before.GetResourceVersion())
		}
	}
	_, err := c.commit(call, before, nil)
	return metav1.Status{Status: metav1.StatusSuccess, Code: http.StatusOK}, err
}

// commit stores what a call makes of an object, unless the CRD forbids it.
func (c *Cluster) commit(call *call, before, after *object) (*object, error) {
	if after != nil {
		c.crd.complete(after)
		if problems := c.crd.validate(before, after); len(problems) > 0 {
			return nil, apierrors.NewInvalid(taskKind.GroupKind(), call.key.Name, problems)
		}
	}
	if before == nil && c.objects[call.key] != nil {
		return nil, apierrors.NewAlreadyExists(tasks.GroupResource(), call.key.Name)
	}
	if call.subresource == "status" {
		call.statusWritten = before.GetUID()
	}
	stored := c.put(call.key, before, after)
	c.broadcast()
	return stored, nil
}

// merge applies a merge patch (RFC 7386) to an object, which it may modify.
func merge(target, patch any) any {
	fields, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged, ok := target.(map[string]any)
	if !ok {
		merged = map[string]any{}
	}
	for key, value := range fields {
		if value == nil {
			delete(merged, key)
		} else {
			merged[key] = merge(merged[key], value)
		}
	}
	return merged
}

// maxNoteLength is in bytes, although the server speaks of characters.
const maxNoteLength = 1024

func (c *Cluster) writeEvent(call *call) (any, error) {
	event, name := new(eventsv1.Event), call.key.Name
	if call.verb == "patch" {
		if c.events[call.key] == nil {
			return nil, apierrors.NewNotFound(events.GroupResource(), name)
		}
		event = c.events[call.key].DeepCopy()
	}
	// A patch only adds a series or changes its scalars, so it decodes into the event.
	if err := json.Unmarshal(call.body, event); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	call.key.Name = event.Name
	var problems field.ErrorList
	if len(event.Note) > maxNoteLength {
		problems = append(problems, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %d characters", maxNoteLength)))
	}
	if event.EventTime.IsZero() || event.Reason == "" || event.Action == "" || event.ReportingController == "" || event.ReportingInstance == "" {
		problems = append(problems, field.Required(field.NewPath(""), "eventTime, reason, action, reportingController and reportingInstance"))
	}
	switch {
	case len(problems) > 0:
		return nil, apierrors.NewInvalid(eventKind.GroupKind(), event.Name, problems)
	case call.verb == "create" && c.events[call.key] != nil:
		return nil, apierrors.NewAlreadyExists(events.GroupResource(), event.Name)
	case call.verb == "create":
		c.eventOrder = append(c.eventOrder, call.key)
	}
	c.events[call.key] = event
	return event, nil
}
