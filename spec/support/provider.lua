-- The identity provider that specs talk to: one per test process, started at the first use, gone with it.
local json = require("dkjson")
local shell = require("spec.support.shell")

local provider = {}

local started, broken

-- Start it, if it does not run yet.
-- Returns what idp.json says: base, expired, untrusted, control, ca, capath, tenant, domain, clients, users.
function provider.start()
  if started then
    return started
  end
  assert(not broken, broken)
  local dir = shell.folder()
  local pid = shell.capture("echo $PPID")
  os.execute(("node spec/support/idp/main.js --dir %s --parent-pid %s >%s/log 2>&1 </dev/null &"):format(dir, pid, dir))
  for _ = 1, 200 do
    local text = shell.read(dir .. "/idp.json")
    if text then
      started = json.decode(text)
      return started
    end
    os.execute("sleep 0.05")
  end
  broken = "the identity provider did not start: " .. (shell.read(dir .. "/log") or "no log")
  error(broken)
end

-- Ask the control endpoint; returns the decoded reply.
function provider.control(method, path, body)
  local command = ("curl -sS -X %s %s%s"):format(method, provider.start().control, path)
  if body then
    command = command .. " -H 'Content-Type: application/json' --data-binary " .. shell.quote(json.encode(body))
  end
  local text = shell.capture(command)
  local reply, _, problem = json.decode(text)
  assert(reply ~= nil, problem)
  assert(type(reply) ~= "table" or not reply.error, text)
  return reply
end

-- Defaults, no faults, counters at zero.
function provider.reset()
  provider.start()
  return provider.control("POST", "/reset", {})
end

function provider.settings(settings)
  return provider.control("POST", "/settings", settings)
end

function provider.fault(fault)
  return provider.control("POST", "/faults", fault)
end

-- How many requests came to an endpoint since the last reset.
function provider.requests(endpoint)
  return provider.control("GET", "/counters").requests[endpoint]
end

-- How many tokens a grant has given since the last reset.
function provider.tokens(grant)
  return provider.control("GET", "/counters").tokens[grant]
end

return provider
