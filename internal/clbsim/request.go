package clbsim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
)

// maxBody is the largest request of signature v3, 10 MB (page 1278/46710).
const maxBody = 10 << 20

// request is an HTTP request with what the steps of its way look at. What is
// wrong with the body is kept until the step comes that would see it.
type request struct {
	http    *http.Request
	body    []byte
	tooBig  bool
	call    Call // What the request says of itself.
	refusal *APIError
}

// readRequest fails only when the client goes away before the body is whole.
func readRequest(r *http.Request) (*request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	req := &request{http: r, body: body, tooBig: len(body) > maxBody}
	params, refusal := parseParameters(body)
	req.refusal = refusal
	req.call = Call{
		Region:    r.Header.Get("X-TC-Region"),
		Host:      hostName(r.Host),
		TaskID:    params.taskID,
		DealName:  params.dealName,
		RequestID: newUUID(),
		Language:  r.Header.Get("X-TC-Language"),
		UserAgent: r.UserAgent(),
	}
	if a, err := parseAuthorization(r.Header.Get("Authorization")); err == nil {
		req.call.SecretID = a.secretID
	}
	return req, nil
}

// parameters are those of DescribeTaskStatus. One that is null is as good as
// none.
type parameters struct{ taskID, dealName string }

// parseParameters reads as much as it can, for the call log, and returns the
// refusal that the rest deserves.
func parseParameters(body []byte) (parameters, *APIError) {
	var p parameters
	// The names are case-sensitive, which encoding/json is not for structs.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return p, &APIError{"InvalidParameter.FormatError", "The request body is not a JSON object."}
	}
	var refusal *APIError
	// Sorted, so that of two mistakes the same is named each time.
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var target *string
		switch name {
		case "TaskId":
			target = &p.taskID
		case "DealName":
			target = &p.dealName
		default:
			refusal = &APIError{"UnknownParameter", fmt.Sprintf("The parameter `%s` is not recognized.", name)}
			continue
		}
		if err := json.Unmarshal(fields[name], target); err != nil {
			refusal = &APIError{"InvalidParameterValue", fmt.Sprintf("The value of the parameter `%s` is not a string.", name)}
		}
	}
	if refusal == nil && p.taskID == "" && p.dealName == "" {
		refusal = missing("TaskId` or `DealName")
	}
	return p, refusal
}

func missing(parameter string) *APIError {
	return &APIError{"MissingParameter", fmt.Sprintf("The request is missing a required parameter `%s`.", parameter)}
}

// hostName strips the port, if there is one.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}
