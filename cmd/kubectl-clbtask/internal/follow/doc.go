// Package follow waits until CLBTasks have ended, and says meanwhile how they stand.
//
// It looks first and then watches, so that a task that has ended before is seen at once, and
// one that changes in between is not missed. All tasks are watched at once, by one watch. It
// writes nothing to the cluster.
package follow
