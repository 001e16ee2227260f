package controllers

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// troubleSentence says what is wrong and what to do, for a problem that lasts.
// It repeats with every failed question, so it holds nothing that differs from
// one to the next: no time, no count, no request ID, no text of the API's.
func troubleSentence(problem clb.Problem, spec v1alpha1.CLBTaskSpec, err *clb.Error) string {
	switch problem {
	case clb.ProblemThrottled:
		return "The account's API quota is used up by other programs; asking on as it allows."
	case clb.ProblemAPIUnavailable:
		return "The CLB API answers with errors of its own; asking again."
	case clb.ProblemAPIUnreachable:
		if err.Class == clb.Configuration {
			return "The certificate of the CLB endpoint is not trusted: check --clb-endpoint and the operator's CA certificates."
		}
		return "No usable answer comes from the CLB API; asking again. If this lasts, check the operator's network and proxy."
	case clb.ProblemUnexpectedAnswer:
		return "The CLB API answers without a known task status; asking again."
	case clb.ProblemTaskNotFound:
		return fmt.Sprintf("The CLB API does not know request ID %s in %s yet; asking again.", spec.RequestID, spec.Region)
	case clb.ProblemCredentialsMissing:
		return fmt.Sprintf("The operator has no Tencent Cloud credentials: set %s and %s in its environment.", clb.EnvSecretID, clb.EnvSecretKey)
	case clb.ProblemCredentialsRejected:
		return fmt.Sprintf("The CLB API rejects the operator's credentials (%s): check the SecretId, the SecretKey and the token's lifetime.", err.Code)
	case clb.ProblemAccessDenied:
		return fmt.Sprintf("The operator's account may not call clb:DescribeTaskStatus (%s): allow this action in CAM.", err.Code)
	case clb.ProblemClockSkew:
		return skewSentence(err.Skew)
	case clb.ProblemEndpointRefused:
		return fmt.Sprintf("The endpoint refuses DescribeTaskStatus (%s): check --clb-endpoint and --clb-root-domain.", err.Code)
	case clb.ProblemInvalidRegion:
		return fmt.Sprintf("The endpoint does not serve region %s: check --clb-endpoint.", spec.Region)
	case clb.ProblemInvalidRequest, clb.ProblemQueryRefused:
		return fmt.Sprintf("The CLB API refuses the question (%s); asking again.", err.Code)
	default:
		return fmt.Sprintf("The CLB API gives no answer (%s); asking again.", problem)
	}
}

func skewSentence(skew time.Duration) string {
	const remedy = "synchronise the node's clock"
	switch minutes := int(skew.Abs().Round(time.Minute).Minutes()); {
	case minutes == 0:
		return "The CLB API finds the signature expired: " + remedy + "."
	case skew > 0:
		return fmt.Sprintf("The operator's clock is some %d minutes ahead of the CLB API's: %s.", minutes, remedy)
	default:
		return fmt.Sprintf("The operator's clock is some %d minutes behind the CLB API's: %s.", minutes, remedy)
	}
}

// finalSentence says why a task ends without an outcome. It is written once, so
// it names the code and the call.
func finalSentence(problem clb.Problem, spec v1alpha1.CLBTaskSpec, err *clb.Error) string {
	var text string
	switch problem {
	case clb.ProblemTaskNotFound:
		text = fmt.Sprintf("The CLB API does not know request ID %s in %s: check both", spec.RequestID, spec.Region)
	case clb.ProblemInvalidRegion:
		text = fmt.Sprintf("The CLB API does not serve region %s: check the region", spec.Region)
	case clb.ProblemInvalidRequest:
		text = fmt.Sprintf("The CLB API refuses request ID %s as malformed: check it", spec.RequestID)
	case clb.ProblemQueryRefused:
		text = "The CLB API refused the question again and again, so the outcome is not known"
	default:
		text = fmt.Sprintf("The outcome is not known (%s)", problem)
	}
	return fmt.Sprintf("%s. Code %s%s.", text, err.Code, behind(err.RequestID))
}

func failedSentence(answer clb.Answer) string {
	if answer.Message == "" {
		return "The task failed, and the cloud gave no reason" + behind(answer.RequestID) + "."
	}
	reason := strings.TrimRight(cut(answer.Message, v1alpha1.MaxMessageLength), ".")
	return "The task failed: " + reason + behind(answer.RequestID) + "."
}

// deadlineSentence claims nothing of the cloud's side, which nobody has asked.
func deadlineSentence(spec v1alpha1.CLBTaskSpec) string {
	return fmt.Sprintf("The deadline of %d s passed before the cloud answered with an outcome.", spec.ActiveDeadlineSeconds)
}

// behind names the call behind a verdict, for support.
func behind(requestID string) string {
	if requestID == "" {
		return ""
	}
	return " (API request ID " + cut(requestID, v1alpha1.MaxIDLength) + ")"
}

// cut makes a text of the cloud's fit the schema: valid UTF-8 of at most so many
// characters.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// loadBalancers makes IDs of the cloud's fit the schema. One that is too long
// for it cannot be an ID.
func loadBalancers(ids []string) []string {
	var fit []string
	for _, id := range ids {
		if len(id) <= v1alpha1.MaxIDLength && utf8.ValidString(id) && len(fit) < v1alpha1.MaxLoadBalancerIDs {
			fit = append(fit, id)
		}
	}
	return fit
}
