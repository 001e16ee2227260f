-- CLBTask follows the conventions of kstatus: Ready, Reconciling, Stalled and
-- observedGeneration. See
-- https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
local health = { status = "Progressing", message = "Waiting for the operator" }

if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  -- What the status says is about an earlier spec, or (-1) nobody has looked yet.
  return health
end

local ready, stalled = nil, false
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" and condition.status == "True" then
    stalled = true
  end
end

if ready ~= nil then
  health.message = ready.message
end
if stalled then
  -- The request failed, its deadline passed, or nobody can tell: it is polled no more.
  health.status = "Degraded"
elseif ready ~= nil and ready.status == "True" then
  health.status = "Healthy"
elseif obj.status.phase == "Suspended" then
  health.status = "Suspended"
end
-- All else goes on, problems included: Degraded would abort a sync that can still succeed.
return health
