// Package lease is the lease of leader election, whose loss a leader notices at once.
package lease

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
)

// ErrLost is why a leader ends that has lost its lease.
var ErrLost = errors.New("another replica has the lease")

// Lock lets a leader end as soon as it reads that another replica holds its lease, such as after
// the process was stopped. client-go's leader would go on until the renew deadline, and both would call.
type Lock struct {
	resourcelock.Interface

	lost context.CancelCauseFunc
	held bool // client-go makes one call at a time.
}

// New returns a lock that calls lost with ErrLost. Open must follow before the manager starts.
func New(lost context.CancelCauseFunc) *Lock { return &Lock{lost: lost} }

// Open makes the lock of a manager, which brings the recorder of its events.
func (l *Lock) Open(cluster *rest.Config, mgr ctrl.Manager, options *ctrl.Options) (err error) {
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
func (l *Lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && l.held && record.HolderIdentity != "" && record.HolderIdentity != l.Identity() {
		l.lost(ErrLost)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *Lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.wrote(l.Interface.Create(ctx, record), record)
}

// Update implements resourcelock.Interface.
func (l *Lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.wrote(l.Interface.Update(ctx, record), record)
}

func (l *Lock) wrote(err error, record resourcelock.LeaderElectionRecord) error {
	if err == nil {
		l.held = record.HolderIdentity == l.Identity()
	}
	return err
}
