package answer

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const id = "0b9f6f5e-7d51-4c58-9a0e-3c1b8a4d2e61"

func TestRead(t *testing.T) {
	one := []Request{{ID: id}}
	for sentence, test := range map[string]struct {
		input string
		want  []Request
	}{
		"tccli prints without the outer Response":       {"{\n    \"RequestId\": \"" + id + "\"\n}\n", one},
		"curl and the Go SDK print with it":             {`{"Response":{"RequestId":"` + id + `"}}`, one},
		"tccli --filter prints a string":                {`"` + id + `"` + "\n", one},
		"jq -r prints the bare ID":                      {id + "\n", one},
		"PowerShell ends lines by CRLF, after a mark":   {"\xef\xbb\xbf" + id + "\r\n", one},
		"several documents":                             {`{"RequestId":"a-1"}` + "\n" + `{"Response":{"RequestId":"a-2"}} "a-3"`, []Request{{ID: "a-1"}, {ID: "a-2"}, {ID: "a-3"}}},
		"several bare IDs, with empty lines":            {"a-1\n\na_2\n", []Request{{ID: "a-1"}, {ID: "a_2"}}},
		"an ID that comes twice is one request":         {"a-1\na-2\na-1\n", []Request{{ID: "a-1"}, {ID: "a-2"}}},
		"ListenerIds are of CreateListener":             {`{"ListenerIds":["lbl-1"],"RequestId":"a-1"}`, []Request{{ID: "a-1", Action: "CreateListener"}}},
		"LocationIds are of CreateRule":                 {`{"LocationIds":["loc-1"],"RequestId":"a-1"}`, []Request{{ID: "a-1", Action: "CreateRule"}}},
		"LoadBalancerIds are of CreateLoadBalancer":     {`{"DealName":"d","LoadBalancerIds":null,"RequestId":"a-1"}`, []Request{{ID: "a-1", Action: "CreateLoadBalancer"}}},
		"an order without a RequestId":                  {`{"DealName":"d-1","LoadBalancerIds":["lb-1"]}`, []Request{{DealName: "d-1", Action: "CreateLoadBalancer"}}},
		"an order and a request of one name are two":    {`{"DealName":"d-1"} "d-1" {"RequestId":null,"DealName":"d-1"}`, []Request{{DealName: "d-1"}, {ID: "d-1"}}},
		"a RequestId comes before an order":             {`{"DealName":5,"RequestId":"a-1"}`, []Request{{ID: "a-1"}}},
		"an Error of null is none":                      {`{"Error":null,"RequestId":"a-1"}`, nil},
		"space around an ID in a string does not count": {`" a-1 "`, []Request{{ID: "a-1"}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, err := Read(strings.NewReader(test.input), test.want == nil)
			if test.want == nil {
				test.want = []Request{{ID: "a-1"}}
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%q: %+v, %v", test.input, got, err)
			}
		})
	}
}

// malformed are inputs that are refused, with a part of the sentence.
var malformed = map[string]struct{ input, want string }{
	"nothing":                          {"", "printed nothing: did it fail?"},
	"only space":                       {" \r\n\t\n", "printed nothing: did it fail?"},
	"only PowerShell's mark":           {"\xef\xbb\xbf\r\n", "printed nothing: did it fail?"},
	"an error of the API":              {`{"Response":{"Error":{"Code":"LimitExceeded","Message":"The quota is used up."},"RequestId":"a-1"}}`, "the call failed, so there is nothing to track: LimitExceeded: The quota is used up."},
	"an error without a code":          {`{"Error":"no","RequestId":"a-1"}`, `nothing to track: "no"`},
	"an exception of tccli":            {"[TencentCloudSDKException] code:LimitExceeded message:no\n", "nothing to track: [TencentCloudSDKException] code:LimitExceeded"},
	"the answer of a query":            {`{"TotalCount":0,"LoadBalancerSet":[],"RequestId":"a-1"}`, "has the field LoadBalancerSet, so it is that of a query"},
	"an answer of DescribeTaskStatus":  {`{"Status":2,"Message":"","LoadBalancerIds":[],"RequestId":"a-1"}`, "its RequestId is that of the query"},
	"a call that answers itself":       {`{"FailListenerIdSet":[],"RequestId":"a-1"}`, "BatchRegisterTargets"},
	"a call with a query of its own":   {`{"JodId":"j-1","RequestId":"a-1"}`, "DescribeBlockIPTask"},
	"an answer without a RequestId":    {`{"ListenerIds":["lbl-1"]}`, "has no RequestId"},
	"a RequestId of null":              {`{"RequestId":null}`, "has no RequestId"},
	"an empty RequestId":               {`{"RequestId":""}`, "has no RequestId"},
	"a RequestId that is a number":     {`{"RequestId":5}`, "not a text: 5"},
	"an order that is a number":        {`{"DealName":5}`, "the DealName is not a text: 5"},
	"an order with a space":            {`{"DealName":"d 1"}`, `"d 1" is not a DealName`},
	"an order without a name":          {`{"DealName":""}`, "has no RequestId"},
	"a RequestId with a space":         {`{"RequestId":"a 1"}`, `"a 1" is not a RequestId`},
	"a Response that is no object":     {`{"Response":"a-1"}`, `Response is not an object: "a-1"`},
	"an empty Response":                {`{"Response":{}}`, "has no RequestId"},
	"an answer that ends early":        {`{"RequestId":"a-1`, "ends in the middle"},
	"an answer with a word behind":     {`{"RequestId":"a-1"} done`, "not JSON (invalid character 'd'"},
	"an answer of another encoding":    {"\xff\xfe{\x00}\x00", "UTF-16"},
	"a list":                           {`["a-1"]`, "is a list"},
	"a number behind an answer":        {`{"RequestId":"a-1"} 5`, "5 is not an answer"},
	"null, as jq prints it":            {"null\n", "the input is null"},
	"None, as tccli prints it as text": {"None\n", "the input is None"},
	"an empty string":                  {`""`, "the RequestId is empty"},
	"a table":                          {"---------\n|CreateListener|\n", `"|CreateListener|" is not a RequestId`},
	"text of tccli":                    {"LISTENERIDS\tlbl-1\n", "not as text or a table"},
	"an ID that is too long":           {strings.Repeat("a", 129), "is not a RequestId"},
	"a page of HTML":                   {"<html>502 Bad Gateway</html>", "is not a RequestId"},
	"too much":                         {strings.Repeat("a-1\n", limit/4+1), "more than 4 MiB"},
}

func TestMalformed(t *testing.T) {
	for sentence, test := range malformed {
		t.Run(sentence, func(t *testing.T) {
			got, err := Read(strings.NewReader(test.input), false)
			if err == nil || !strings.Contains(err.Error(), test.want) || got != nil {
				t.Errorf("%v, %q, want %q", got, err, test.want)
			}
		})
	}
}

func TestForce(t *testing.T) {
	for input, want := range map[string]bool{
		`{"TotalCount":0,"RequestId":"a-1"}`:                   true,
		`{"FailListenerIdSet":[],"RequestId":"a-1"}`:           true,
		`{"TotalCount":0}`:                                     false,
		`{"Error":{"Code":"C","Message":""},"RequestId":"a1"}`: false,
	} {
		if _, err := Read(strings.NewReader(input), true); (err == nil) != want {
			t.Errorf("%s: %v", input, err)
		}
	}
}

func TestUnreadable(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Read(iotest.ErrReader(broken), false); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, test := range malformed {
		if len(test.input) < limit { // A large seed makes every run slow.
			f.Add(test.input, false)
		}
	}
	f.Add(`{"Response":{"ListenerIds":["lbl-1"],"RequestId":"`+id+`"}}`, false)
	f.Add(`{"TotalCount":0,"RequestId":"a-1"}`, true)
	f.Add("a-1\na-2\n", false)
	f.Add(`{"DealName":"d-1"} "d-1"`, false)
	f.Fuzz(func(t *testing.T, input string, force bool) {
		found, err := Read(strings.NewReader(input), force)
		switch {
		case err != nil && found != nil, err == nil && len(found) == 0:
			t.Fatalf("%v with %v", found, err)
		case err != nil && len(err.Error()) > 2000:
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
		seen := map[Request]bool{}
		ids, orders := new(strings.Builder), 0
		for _, request := range found {
			request.Action = ""
			if !idPattern.MatchString(request.ID+request.DealName) || request.ID != "" && request.DealName != "" || seen[request] {
				t.Fatalf("%+v names nothing or two, or comes twice", request)
			}
			seen[request] = true
			if request.ID == "" {
				orders++
				continue
			}
			ids.WriteString(request.ID + "\n")
		}
		// What it has found is an input of bare IDs, with the same result.
		if again, err := Read(strings.NewReader(ids.String()), false); len(found) > orders && (err != nil || len(again)+orders != len(found)) {
			t.Fatalf("%v, %v, want %v", again, err, found)
		}
	})
}
