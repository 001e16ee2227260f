#!/usr/bin/env bash
# Creates a load balancer, and ends when the cloud says how that went: with 0 if it
# succeeded, with 1 and the cloud's reason if it did not.
set -euo pipefail

region=${REGION:-ap-guangzhou}

request_id=$(tccli clb CreateLoadBalancer --region "$region" \
  --LoadBalancerType OPEN --LoadBalancerName web | jq -er .RequestId)
# The request goes on even if something fails from here: it must not be lost.
echo "CreateLoadBalancer: request $request_id in $region" >&2
task=create-lb-$request_id

kubectl apply -f - <<EOF
apiVersion: clb.tencentcloud.com/v1alpha1
kind: CLBTask
metadata:
  name: $task
spec:
  requestId: $request_id
  region: $region
EOF

# Until it has ended, either way. A time-out fails the job; the request itself goes on.
deadline=$((SECONDS + ${TIMEOUT_SECONDS:-900}))
until [ -n "$(kubectl get "clbtask/$task" -o jsonpath='{.status.completionTime}')" ]; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo "timed out waiting for $task" >&2
    exit 1
  fi
  sleep 2
done

if [ "$(kubectl get "clbtask/$task" -o jsonpath='{.status.phase}')" != Succeeded ]; then
  kubectl get "clbtask/$task" -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}{"\n"}' >&2
  exit 1
fi
kubectl get "clbtask/$task" -o jsonpath='{.status.loadBalancerIds[*]}{"\n"}'
