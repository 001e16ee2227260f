package testenv

import (
	"errors"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// lease reads or writes a lease, as leader election does: with the optimistic lock, and without
// watches, patches or limits.
func (c *Cluster) lease(call *call) (any, error) {
	resource := leases.GroupResource()
	if call.verb == "get" {
		if stored := c.leases[call.key]; stored != nil {
			return stored, nil
		}
		return nil, apierrors.NewNotFound(resource, call.key.Name)
	}
	given := new(object)
	if err := given.UnmarshalJSON(call.body); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	call.key.Name = given.GetName()
	stored := c.leases[call.key]
	switch {
	case call.verb == "create" && stored != nil:
		return nil, apierrors.NewAlreadyExists(resource, call.key.Name)
	case call.verb == "update" && stored == nil:
		return nil, apierrors.NewNotFound(resource, call.key.Name)
	case call.verb == "update" && given.GetResourceVersion() != stored.GetResourceVersion():
		return nil, apierrors.NewConflict(resource, call.key.Name, errors.New("the object has been modified"))
	}
	c.version++
	given.SetResourceVersion(strconv.FormatInt(c.version, 10))
	c.leases[call.key] = given
	return given, nil
}
