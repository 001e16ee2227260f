package argocd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// What a waiter that waits can say of an object.
const (
	done  = "done"
	waits = "waits"
	fails = "fails"
)

// The files of the table, and what it stands between.
const (
	readingsFile = "../testdata/readings.json"
	document     = root + "/docs/gitops.md"
	begin, end   = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
)

// table is what the parent module found of all other waiters.
type table struct {
	States []string `json:"states"`
	Rows   []row    `json:"rows"`
}

// row is what one waiter says of each state.
type row struct {
	Group    string            `json:"group"`
	Waiter   string            `json:"waiter"`
	Rule     string            `json:"rule"`
	Code     string            `json:"code"`
	Readings map[string]string `json:"readings"`

	judge func(ctx context.Context, state string) string
	want  map[string]string
}

// rows are Argo CD's own.
func rows() []row {
	return []row{
		{
			Group: "waiters", Waiter: "Argo CD, health", Rule: "the [health script](../config/argocd/argocd-cm.yaml)",
			Code:  "its own: `util/lua`, without Lua's libraries",
			judge: func(ctx context.Context, state string) string { return string(overridden(held(ctx, state)).Status) },
			want:  map[string]string{"": "Progressing", "suspended": "Suspended", "succeeded": "Healthy", "failed": "Degraded", "deadline": "Degraded", "unknown": "Degraded"},
		},
		{
			Group: "waiters", Waiter: "Argo CD, sync wave", Rule: "that the health of the wave's objects is Healthy, or Degraded",
			Code:  "its own: `gitops-engine/pkg/sync`, set up as Argo CD does",
			judge: func(ctx context.Context, state string) string { return syncHeld(ctx, state, withScript).reading(ctx) },
			want:  map[string]string{"": waits, "succeeded": done, "failed": fails, "deadline": fails, "unknown": fails},
		},
		{
			Group: "blind", Waiter: "Argo CD, sync wave without the script", Rule: "a kind that Argo CD does not know is healthy at once",
			Code:  "its own: `gitops-engine/pkg/sync`, set up as Argo CD does",
			judge: func(ctx context.Context, state string) string { return syncHeld(ctx, state, noScript).reading(ctx) },
			want:  map[string]string{"": done},
		},
	}
}

var _ = Describe("Every state, judged by", Ordered, ContinueOnFailure, func() {
	var all table
	Expect(json.Unmarshal([]byte(read(readingsFile)), &all)).To(Succeed())
	after := slices.IndexFunc(all.Rows, func(r row) bool { return r.Group == "kubectl" })
	var own []row
	for _, r := range rows() {
		It(r.Waiter, func(ctx SpecContext) {
			r.Readings = map[string]string{}
			want := map[string]string{}
			for _, state := range all.States {
				r.Readings[state] = r.judge(ctx, state)
				want[state] = r.want[""]
				if reading, ok := r.want[state]; ok {
					want[state] = reading
				}
			}
			Expect(r.Readings).To(Equal(want))
			own = append(own, r)
		})
	}

	It("all of them, as docs/gitops.md has it", func() {
		all.Rows = slices.Insert(all.Rows, after, own...)
		text := read(document)
		before, rest, found := strings.Cut(text, begin)
		Expect(found).To(BeTrue(), "%s has no %q", document, begin)
		_, after, found := strings.Cut(rest, end)
		Expect(found).To(BeTrue(), "%s has no %q", document, end)
		compareFile(document, before+begin+all.render()+end+after)
	})
})

// parts are what the table is divided into, with what stands above each.
var parts = []struct{ group, title string }{
	{"waiters", "Waiters for success, as the guides set them up:"},
	{"kubectl", "`kubectl wait`, by what it waits for; it knows no failure, and several `--for` mean all of them:"},
	{"blind", "What never waits, so do not use it for a `CLBTask`:"},
}

// render writes the readings in parts, and then what each waiter looks at.
func (t table) render() string {
	var out strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&out, "%s\n\n| waiter | %s |\n|%s\n", part.title, strings.Join(t.States, " | "), strings.Repeat(" --- |", len(t.States)+1))
		for _, r := range t.Rows {
			if r.Group != part.group {
				continue
			}
			cells := []string{r.Waiter}
			for _, state := range t.States {
				cells = append(cells, r.Readings[state])
			}
			fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
		}
		out.WriteString("\n")
	}
	out.WriteString("What each looks at, and whose code judged:\n\n| waiter | looks at | judged by |\n| --- | --- | --- |\n")
	for _, r := range t.Rows {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", r.Waiter, r.Rule, r.Code)
	}
	return out.String()
}
