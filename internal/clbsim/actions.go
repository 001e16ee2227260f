package clbsim

import "fmt"

// action is what a call asks for. The service is that of its signature.
type action struct{ service, version, name string }

// handler returns the content of Response. The simulator is locked.
type handler func(s *Simulator, r *request) (response any, refusal *APIError)

// actions has everything that the simulator can do.
var actions = map[action]handler{
	{"clb", "2018-03-17", "DescribeTaskStatus"}: (*Simulator).describeTaskStatus,
	webIdentity:                                (*Simulator).assumeRole,
	{"sts", "2018-08-13", "AssumeRole"}:        (*Simulator).assumeRole,
	{"sts", "2018-08-13", "GetCallerIdentity"}: (*Simulator).getCallerIdentity,
}

// describeTaskStatus implements API page 214/33823.
func (s *Simulator) describeTaskStatus(r *request) (any, *APIError) {
	id := r.text("TaskId")
	if id == "" {
		return nil, missing("TaskId")
	}
	t, ok := s.tasks[id]
	if task, describes := named(id); !ok && describes {
		t, ok = &task, true
		s.tasks[id] = t
	}
	if !ok || t.Region != "" && t.Region != r.call.Region {
		return nil, refuse(s.config.UnknownTask, "The task %s does not exist.", id)
	}
	if t.started.IsZero() {
		t.started = r.call.At
	}
	response := struct {
		Status          int
		LoadBalancerIDs []string `json:"LoadBalancerIds"`
		Message         *string
		RequestID       string `json:"RequestId"`
	}{Status: t.status(r.call.At), RequestID: r.call.RequestID}
	if response.Status != statusRunning && t.Message != "" {
		response.Message = &t.Message
	}
	if response.Status == statusSucceeded && len(t.LoadBalancerIDs) > 0 {
		response.LoadBalancerIDs = t.LoadBalancerIDs
	}
	return response, nil
}

// APIError is a refusal as the API words it.
type APIError struct{ Code, Message string }

func refuse(code, format string, args ...any) *APIError {
	return &APIError{code, fmt.Sprintf(format, args...)}
}

func missing(parameter string) *APIError {
	return refuse("MissingParameter", "The request is missing a required parameter `%s`.", parameter)
}
