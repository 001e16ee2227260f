package clbsim

import "fmt"

// action is what a call asks for. The service is that of its signature.
type action struct{ service, version, name string }

// handler returns the content of Response. The simulator is locked.
type handler func(s *Simulator, r *request) (response any, refusal *APIError)

// actions has everything that the simulator can do.
var actions = map[action]handler{
	{CLB, "2018-03-17", "DescribeTaskStatus"}:  (*Simulator).describeTaskStatus,
	{GWLB, "2024-09-06", "DescribeTaskStatus"}: (*Simulator).describeTaskStatus,
	webIdentity:                                (*Simulator).assumeRole,
	{"sts", "2018-08-13", "AssumeRole"}:        (*Simulator).assumeRole,
	{"sts", "2018-08-13", "GetCallerIdentity"}: (*Simulator).getCallerIdentity,
}

// describeTaskStatus implements API pages 214/33823 of clb and 1782/111700 of gwlb.
func (s *Simulator) describeTaskStatus(r *request) (any, *APIError) {
	key, refusal := keyOf(r)
	if refusal != nil {
		return nil, refusal
	}
	t, ok := s.tasks[key]
	if task, describes := named(key.id); !ok && describes {
		t, ok = &task, true
		s.tasks[key] = t
	}
	if !ok || t.Region != "" && t.Region != r.call.Region {
		return nil, refuse(s.config.UnknownTask, "The task %s does not exist.", key.id)
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

// keyOf returns which task a call is about. clb takes the RequestId of a call or the name
// of an order, gwlb the former alone.
func keyOf(r *request) (taskKey, *APIError) {
	key := taskKey{product: r.call.Service, id: r.call.TaskID}
	switch deal := r.call.DealName; {
	case deal == "":
	case key.product != CLB:
		return key, refuse("UnknownParameter", "The parameter `DealName` is not recognized.")
	case key.id != "": // What the real API answers is not documented.
		return key, refuse("InvalidParameterValue", "Only one of `TaskId` and `DealName` may be given.")
	default:
		key.id, key.deal = deal, true
	}
	if key.id == "" {
		return key, missing("TaskId")
	}
	return key, nil
}

// APIError is a refusal as the API words it.
type APIError struct{ Code, Message string }

func refuse(code, format string, args ...any) *APIError {
	return &APIError{code, fmt.Sprintf(format, args...)}
}

func missing(parameter string) *APIError {
	return refuse("MissingParameter", "The request is missing a required parameter `%s`.", parameter)
}
