package lifecycle

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// say fills in a sentence about the request of a task: {API}, {product}, {request},
// {field} and {region}, and what else is given as pairs. Only here is it said what the
// spec names the request by: a deal name is no request ID.
func say(sentence string, spec v1alpha1.CLBTaskSpec, more ...string) string {
	product, request, field := string(cmp.Or(spec.Product, v1alpha1.ProductCLB)), "request ID "+spec.RequestID, "requestId"
	if spec.DealName != "" {
		request, field = "deal name "+spec.DealName, "dealName"
	}
	values := []string{"{API}", strings.ToUpper(product), "{product}", product, "{request}", request, "{field}", field, "{region}", spec.Region}
	return strings.NewReplacer(append(values, more...)...).Replace(sentence)
}

func failedText(status clb.TaskStatus) string {
	if status.Message == "" {
		return "The task failed, and the cloud gave no reason" + ofCall(status.RequestID) + "."
	}
	return "The task failed: " + trimStop(truncate(status.Message, v1alpha1.MaxMessageLength)) + ofCall(status.RequestID) + "."
}

func deadlineText(spec v1alpha1.CLBTaskSpec, answered bool) string {
	if answered {
		return fmt.Sprintf("The deadline of %d s passed, and the task was still in progress then.", spec.ActiveDeadlineSeconds)
	}
	return fmt.Sprintf("The deadline of %d s passed, and the cloud gave no answer about the task.", spec.ActiveDeadlineSeconds)
}

// ofCall names the call behind a text, for Tencent Cloud's support.
func ofCall(requestID string) string {
	if requestID == "" {
		return ""
	}
	return " (API request ID " + truncate(requestID, v1alpha1.MaxIDLength) + ")"
}

func trimStop(text string) string { return strings.TrimRight(text, ".") }

// truncate makes a text of the cloud's fit the schema: valid UTF-8 of at most so many
// characters.
func truncate(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// loadBalancers makes IDs of the cloud's fit the schema. One that is too long for it
// cannot be an ID.
func loadBalancers(ids []string) []string {
	var fit []string
	for _, id := range ids {
		if len(id) <= v1alpha1.MaxIDLength && utf8.ValidString(id) && len(fit) < v1alpha1.MaxLoadBalancerIDs {
			fit = append(fit, id)
		}
	}
	return fit
}
