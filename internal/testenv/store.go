package testenv

import (
	"maps"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// object is a CLBTask. None is modified once it is stored.
type object = unstructured.Unstructured

// store holds the objects and how they became so.
type store struct {
	objects map[types.NamespacedName]*object
	history []change // By version.
	version int64    // The resource version of the latest change.
	highest int64    // The largest version before a rewind.
	oldest  int64    // The history is complete after this version.
	created int
	fresh   map[types.UID]bool // Created, and not written since.
	observe func(before, after *v1alpha1.CLBTask)
}

// change is a step of the history. before is nil for a creation, after for a deletion.
type change struct {
	version       int64
	at            time.Time
	key           types.NamespacedName
	before, after *object
}

// put stores a change and returns the object as it is then. Nothing is stored if nothing changes, but for
// the first write of an object: the API server stores the default of the status with that, and not before.
func (s *store) put(key types.NamespacedName, before, after *object) *object {
	if before != nil && after != nil && reflect.DeepEqual(before.Object, after.Object) && !s.fresh[before.GetUID()] {
		return before
	}
	if before != nil {
		delete(s.fresh, before.GetUID())
	} else {
		s.fresh[after.GetUID()] = true
	}
	s.version++
	delete(s.objects, key)
	if after != nil {
		after.SetResourceVersion(strconv.FormatInt(s.version, 10))
		s.objects[key] = after
	}
	s.history = append(s.history, change{s.version, time.Now(), key, before, after})
	if s.observe != nil {
		s.observe(convert(before), convert(after))
	}
	return after
}

func convert(o *object) *v1alpha1.CLBTask {
	if o == nil {
		return nil
	}
	task := new(v1alpha1.CLBTask)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, task); err != nil {
		panic(err) // The CRD has let it pass.
	}
	return task
}

// asOf returns the version that was the latest at a time, as far as the history goes back.
func (s *store) asOf(at time.Time) int64 {
	if i := sort.Search(len(s.history), func(i int) bool { return s.history[i].at.After(at) }); i < len(s.history) {
		return max(s.history[i].version-1, s.oldest)
	}
	return s.version
}

// since returns the changes after a version.
func (s *store) since(version int64) []change {
	return s.history[sort.Search(len(s.history), func(i int) bool { return s.history[i].version > version }):]
}

// at returns the objects as they were at a version.
func (s *store) at(version int64) map[types.NamespacedName]*object {
	objects := maps.Clone(s.objects)
	for _, change := range slices.Backward(s.since(version)) {
		objects[change.key] = change.before
	}
	return objects
}

// compact forgets the history up to a version that no client knows.
func (s *store) compact() {
	s.version = max(s.version, s.highest) + 1
	s.oldest, s.history = s.version, nil
}

// rewind returns to an earlier state.
func (s *store) rewind(state Snapshot) {
	s.highest = max(s.highest, s.version)
	s.history = s.history[:len(s.history)-len(s.since(state.version))]
	s.version, s.objects = state.version, maps.Clone(state.objects)
	s.oldest = min(s.oldest, s.version)
}

func text(task *object, path ...string) string {
	value, _, _ := unstructured.NestedString(task.Object, path...)
	return value
}
