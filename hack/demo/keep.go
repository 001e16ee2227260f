package main

import (
	"context"
	"os/exec"
)

// invitation is pasted into a shell: nothing of it may be indented that a shell
// or YAML would mind.
const invitation = `
It stays up until Ctrl-C. In another terminal:

export KUBECONFIG=%[1]s
%[2]s
# A task that succeeds after 10 s. demo-fails-10s and demo-never-ends are known as well;
# the clock of each begins with the first poll.
kubectl apply -f - <<EOF
apiVersion: clb.tencentcloud.com/v1alpha1
kind: CLBTask
metadata:
  name: mine
spec:
  requestId: demo-succeeds-10s
  region: ap-guangzhou
EOF
kubectl wait --for=condition=Succeeded clbtask/mine --timeout=60s

# What the API server refuses: a CLBTask belongs to one request.
kubectl patch clbtask create-web-lb --type=merge -p '{"spec":{"requestId":"another"}}'

# What the operator does.
tail -f %[3]s

`

// stay keeps everything up until the context ends.
func (s *stage) stay(ctx context.Context, operatorLog string) {
	path := ""
	if _, err := exec.LookPath("kubectl"); err != nil {
		path = "export PATH=" + quoted(s.assets) + ":$PATH\n"
	}
	s.print(invitation, quoted(s.plane.kubeconfig), path, quoted(operatorLog))
	<-ctx.Done()
}
