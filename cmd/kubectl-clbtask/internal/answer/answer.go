// Package answer finds the request IDs in what tccli, an SDK or curl printed: the answers of
// changing calls, as JSON documents with or without an outer "Response", JSON strings, or
// bare IDs. It does not know Kubernetes, and it calls nothing.
//
// Not every RequestId is one to follow: the answer of a query has one, and so has an error.
// Those are refused, with a sentence that says what the input is instead.
package answer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Request is an asynchronous request that a call began.
type Request struct {
	// ID is the RequestId of the answer, and DealName the name of the order if there is
	// no RequestId: one of the two is set.
	ID, DealName string
	// Action is the call, as far as the answer shows it: empty for most.
	Action string
}

// ErrNothing says that the input is empty, as it is if tccli fails.
var ErrNothing = errors.New("the command before the pipe printed nothing: did it fail?")

// limit is the largest input, in bytes. An answer has some hundred.
const limit = 4 << 20

// Read returns the requests of an input in their order, each once. With force it takes
// answers that look like those of queries or of calls without a task, too.
func Read(r io.Reader, force bool) ([]Request, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))) // PowerShell begins with the mark.
	var found []Request
	switch {
	case len(content) > limit:
		return nil, fmt.Errorf("the input has more than %d MiB: it is not the answer of a call", limit>>20)
	case len(text) == 0:
		return nil, ErrNothing
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		return nil, errors.New("the input is UTF-16: give it as UTF-8")
	case bytes.HasPrefix(text, []byte("[TencentCloudSDK")):
		line, _, _ := strings.Cut(string(text), "\n")
		return nil, fmt.Errorf("the call failed, so there is nothing to track: %s", short(line))
	case strings.IndexByte(`{["`, text[0]) >= 0:
		found, err = documents(text, force)
	default:
		found, err = lines(string(text))
	}
	if err != nil {
		return nil, err
	}
	seen := map[Request]bool{}
	return slices.DeleteFunc(found, func(request Request) bool {
		request.Action = ""
		again := seen[request]
		seen[request] = true
		return again
	}), nil
}

// documents reads JSON documents, one after another.
func documents(text []byte, force bool) (found []Request, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var document json.RawMessage
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return found, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("the input ends in the middle of an answer: was the command before the pipe interrupted?")
		case err != nil:
			return nil, fmt.Errorf("the input is not JSON (%w): pipe the answer of the call as it was printed", err)
		}
		request, err := read(document, force)
		if err != nil {
			return nil, err
		}
		found = append(found, request)
	}
}

func read(document json.RawMessage, force bool) (Request, error) {
	switch document[0] {
	case '"':
		var id string
		if err := json.Unmarshal(document, &id); err != nil {
			return Request{}, err
		}
		return bare(id)
	case '{':
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(document, &fields); err != nil {
			return Request{}, err
		}
		if inner, ok := fields["Response"]; ok {
			fields = nil
			if err := json.Unmarshal(inner, &fields); err != nil {
				return Request{}, fmt.Errorf("the field Response is not an object: %s", short(string(inner)))
			}
		}
		return fromFields(fields, force)
	case '[':
		return Request{}, errors.New("the input is a list: give the answers one after another, without brackets")
	default:
		return Request{}, fmt.Errorf("%s is not an answer: it needs a RequestId", short(string(document)))
	}
}

// actions has the calls that a field of the answer shows.
var actions = map[string]string{
	"ListenerIds": "CreateListener", "LocationIds": "CreateRule", "LoadBalancerIds": "CreateLoadBalancer",
}

func fromFields(fields map[string]json.RawMessage, force bool) (request Request, err error) {
	if err := callFailed(fields["Error"]); err != nil {
		return Request{}, err
	}
	if err := noTask(fields); err != nil && !force {
		return Request{}, err
	}
	id, idErr := textOf(fields, "RequestId")
	deal, dealErr := textOf(fields, "DealName")
	switch {
	case idErr != nil || id == "" && dealErr != nil:
		return Request{}, cmp.Or(idErr, dealErr)
	case id != "":
		request, err = bare(id)
	case idPattern.MatchString(deal):
		request.DealName = deal
	case deal != "":
		return Request{}, fmt.Errorf("%q is not a DealName, which has letters, digits, - and _ only", short(deal))
	default:
		return Request{}, errors.New("the answer has no RequestId: pipe the whole answer, or only its RequestId")
	}
	for field, action := range actions {
		if _, ok := fields[field]; ok {
			request.Action = action
		}
	}
	return request, err
}

// textOf returns a field, empty if it is not there or null.
func textOf(fields map[string]json.RawMessage, name string) (value string, err error) {
	raw, ok := fields[name]
	if !ok {
		return "", nil
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", fmt.Errorf("the %s is not a text: %s", name, short(string(raw)))
	}
	return value, nil
}

// callFailed reads the field Error, whose neighbor is a RequestId, too.
func callFailed(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var e struct{ Code, Message string }
	if err := json.Unmarshal(raw, &e); err != nil || e.Code == "" {
		return fmt.Errorf("the call failed, so there is nothing to track: %s", short(string(raw)))
	}
	return fmt.Errorf("the call failed, so there is nothing to track: %s: %s", e.Code, short(e.Message))
}

// noTask reports an answer that no task belongs to. Those of calls with a task have few
// fields, and those of queries have others.
func noTask(fields map[string]json.RawMessage) error {
	has := func(name string) bool { _, ok := fields[name]; return ok }
	switch {
	case has("FailListenerIdSet"):
		return errors.New("BatchRegisterTargets and BatchDeregisterTargets have ended when they answer: there is no task to track")
	case has("JodId"): // The API spells it so.
		return errors.New("ModifyBlockIPList has a query of its own, DescribeBlockIPTask: there is no task to track")
	case has("Status") && has("Message"):
		return errors.New("this is an answer of DescribeTaskStatus, and its RequestId is that of the query: give the one of the changing call")
	}
	var other []string
	for name := range fields {
		if name != "RequestId" && name != "DealName" && actions[name] == "" {
			other = append(other, name)
		}
	}
	if len(other) == 0 {
		return nil
	}
	slices.Sort(other)
	return fmt.Errorf("the answer has the field %s, so it is that of a query or of a call without a task; --force tracks its RequestId all the same", short(other[0]))
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// nothing is what tools print for a field that is not there.
var nothing = []string{"null", "None", "none", "undefined", "true", "false"}

func bare(id string) (Request, error) {
	id = strings.TrimSpace(id)
	switch {
	case id == "":
		return Request{}, errors.New("the RequestId is empty: did the command before the pipe fail?")
	case slices.Contains(nothing, id):
		return Request{}, fmt.Errorf("the input is %s: the answer had no RequestId", id)
	case !idPattern.MatchString(id):
		return Request{}, fmt.Errorf("%q is not a RequestId, which has letters, digits, - and _ only: pipe the answer as JSON, not as text or a table", short(id))
	}
	return Request{ID: id}, nil
}

// lines reads bare IDs, one a line.
func lines(text string) (found []Request, err error) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		request, err := bare(line)
		if err != nil {
			return nil, err
		}
		found = append(found, request)
	}
	return found, nil
}

// short limits what an error quotes.
func short(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
