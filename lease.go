package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
)

var errLeaseLost = errors.New("another replica has the lease")

// lease lets a leader end as soon as it reads that another replica holds its lease, such as after
// the process was stopped. client-go's leader would go on until the renew deadline, and both would call.
type lease struct {
	resourcelock.Interface
	held bool // client-go makes one call at a time.
	lost context.CancelCauseFunc
}

// open makes the lock of a manager, which brings the recorder of its events.
func (l *lease) open(cluster *rest.Config, mgr ctrl.Manager, options *ctrl.Options) (err error) {
	l.Interface, err = leaderelection.NewResourceLock(cluster, mgr, leaderelection.Options{
		LeaderElection:          options.LeaderElection,
		LeaderElectionNamespace: options.LeaderElectionNamespace,
		LeaderElectionID:        options.LeaderElectionID,
		RenewDeadline:           *options.RenewDeadline,
	})
	if err != nil {
		return fmt.Errorf("make the lease: %w", err)
	}
	return nil
}

// Get implements resourcelock.Interface.
func (l *lease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && l.held && record.HolderIdentity != "" && record.HolderIdentity != l.Identity() {
		l.lost(errLeaseLost)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.wrote(l.Interface.Create(ctx, record), record)
}

// Update implements resourcelock.Interface.
func (l *lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.wrote(l.Interface.Update(ctx, record), record)
}

func (l *lease) wrote(err error, record resourcelock.LeaderElectionRecord) error {
	if err == nil {
		l.held = record.HolderIdentity == l.Identity()
	}
	return err
}
