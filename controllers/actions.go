package controllers

import (
	lru "github.com/hashicorp/golang-lru/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// withoutTask are the calls of clb that are known to answer for themselves. All others
// may have a task: Tencent Cloud's list of those that do is not complete.
var withoutTask = map[string]bool{"BatchRegisterTargets": true, "BatchDeregisterTargets": true, "BatchModifyTargetTag": true}

// maxWarned bounds the CLBTasks that are remembered.
const maxWarned = 4096

// actionWarner warns of CLBTasks whose action has no task to follow.
type actionWarner struct {
	recorder events.EventRecorder
	warned   *lru.Cache[types.UID, struct{}]
}

func newActionWarner(recorder events.EventRecorder) (*actionWarner, error) {
	warned, err := lru.New[types.UID, struct{}](maxWarned)
	return &actionWarner{recorder: recorder, warned: warned}, err
}

// look warns once of each CLBTask. After a restart it does not warn again of one whose
// status speaks of its spec.
func (w *actionWarner) look(task *v1alpha1.CLBTask) {
	if !withoutTask[task.Spec.Action] || requestOf(task).product != clb.CLB || task.Status.ObservedGeneration == task.Generation {
		return
	}
	if known, _ := w.warned.ContainsOrAdd(task.UID, struct{}{}); known {
		return
	}
	w.recorder.Eventf(task, nil, corev1.EventTypeWarning, "ActionWithoutTask", "CheckAction",
		"%s has no task: its own response says how it ended. The request is polled all the same.", task.Spec.Action)
}
