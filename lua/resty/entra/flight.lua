--- One exchange at a time for a profile, between all workers of a host, and nobody's event loop waits for it.
--
-- Per worker there is at most one pilot for a profile: a timer, so that no
-- client can abort it. It takes the profile's place in the air and crosses
-- into a pool thread, or watches the dictionary while another worker's pilot
-- is there. Requests wait on a semaphore until it has landed.
--
-- @module resty.entra.flight

local errors = require("entra.errors")
local ffi = require("ffi")
local held = require("resty.entra.held")
local semaphore = require("ngx.semaphore")

local flight = {}

local now = ngx.now
local PAUSE_MIN, PAUSE_MAX = 0.002, 0.05 -- seconds between two looks at the dictionary
local SLACK = 3 -- seconds beyond the exchange's own deadline until its place is free again

-- Where a request may wait: the phases of ngx.semaphore.
local CAN_WAIT = { rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true }

local flights = {} -- by profile name

pcall(ffi.cdef, "int kill(int pid, int signal);")
local ESRCH = 3

-- Was the worker that holds the place killed? A thread cannot outlive its process.
local function is_dead(holder)
  local pid = tonumber(holder:match("^%d+"))
  return ffi.C.kill(pid, 0) ~= 0 and ffi.errno() == ESRCH
end

local serial = 0
local function new_holder()
  serial = serial + 1
  return ("%d.%d.%.3f"):format(ngx.worker.pid(), serial, now())
end

local function report(entry, result)
  for _, warning in ipairs(result.warnings or {}) do
    ngx.log(ngx.WARN, "entra: profile '", entry.name, "': ", warning)
  end
  local err = result.error
  if err then
    ngx.log(entry.bearer and ngx.WARN or ngx.ERR, "entra: profile '", entry.name, "': ", err.message,
      err.hint and "; " .. err.hint or "", entry.bearer and "; the present token still holds" or "")
  end
end

-- Hand the exchange to a pool thread and sleep until it has ended.
local function cross(entry, holder)
  local site = entry.site
  -- An exiting worker forgets a coroutine that only a thread will wake; it waits for one that sleeps.
  local anchor = ngx.thread.spawn(function() ngx.sleep(site.timeout + SLACK) end)
  local ok, result = ngx.run_worker_thread(site.pool, "resty.entra.thread", "run", {
    definition = entry.definition, key = entry.key, dict = site.shared.name, holder = holder,
    have = entry.bearer and entry.expires or 0, force = site.shared:is_purged(entry.key), timeout = site.timeout,
  })
  ngx.thread.kill(anchor)
  if not ok then
    result = { error = errors.new("internal", ("thread_pool %s did not do it: %s"):format(
      site.pool, tostring(result)), { code = "pool" }):plain() }
  end
  report(entry, result)
  return result.error
end

-- Is there nothing to fetch, or nothing to be had for a while?
local function is_settled(entry)
  local due = held.look(entry, now())
  return entry.bearer and not due or entry.site.shared:binding_failure(entry.key, now())
end

local function fly(entry, this)
  local pool, pause = entry.site.shared, PAUSE_MIN
  while not is_settled(entry) do
    local holder = new_holder()
    if pool:take_off(entry.key, holder, entry.site.timeout + SLACK) then
      -- The second look: another one may have landed since the first.
      local err = not is_settled(entry) and cross(entry, holder)
      if err and not pool:binding_failure(entry.key, now()) then
        pool:fail(entry.key, err, now()) -- the thread did not get that far
      end
      pool:land(entry.key, holder)
      held.look(entry, now())
      return
    end
    local other = pool:holder(entry.key)
    if other and is_dead(other) then
      pool:clear_wreck(entry.key, other)
    elseif this.waiting == 0 then
      return -- another worker fetches the next token, and the present one holds
    else
      ngx.sleep(pause)
      pause = math.min(pause * 1.5, PAUSE_MAX)
    end
  end
end

local function pilot(_, entry) -- an exiting worker's too: somebody may be waiting
  local this = flights[entry.name]
  local ok, problem = pcall(fly, entry, this)
  if not ok then
    ngx.log(ngx.ERR, "entra: profile '", entry.name, "': ", problem)
  end
  flights[entry.name] = nil
  if this.waiting > 0 then
    this.landed:post(this.waiting)
  end
end

local function launch(entry)
  local this = { waiting = 0 }
  flights[entry.name] = this
  local ok, problem = ngx.timer.at(0, pilot, entry)
  if ok then
    return this
  end
  flights[entry.name] = nil
  return nil, errors.new("internal", "no timer for the exchange: " .. problem, { code = "timer" })
end

--- The header's value, if there is one now; what is due is fetched behind the caller's back.
-- @treturn string|nil
function flight.present(entry)
  local time = now()
  entry.requests = entry.requests + 1
  if time >= entry.look_at then
    local before = entry.record
    local due = held.look(entry, time)
    if entry.bearer and entry.record ~= before then
      entry.node_hits = entry.node_hits + 1
    end
    if due and not flights[entry.name] then
      launch(entry)
    end
    held.flush_soon(entry)
  end
  return entry.bearer
end

--- Have a token fetched without waiting for it.
function flight.start(entry)
  entry.misses = entry.misses + 1
  if not flights[entry.name] and not entry.site.shared:binding_failure(entry.key, now()) then
    launch(entry)
  end
end

local function answer(entry)
  if now() >= entry.look_at then
    held.look(entry, now())
  end
  if entry.bearer then
    return entry.bearer
  end
  local failure = entry.site.shared:binding_failure(entry.key, now())
  if failure then
    return nil, errors.from_plain(failure.error), failure.wait_until - now()
  end
end

--- Wait for the token.
-- @tparam table entry
-- @tparam number seconds
-- @treturn string|nil the header's value
-- @treturn entra.errors
-- @treturn number seconds after which to try again
function flight.wait(entry, seconds)
  if not CAN_WAIT[ngx.get_phase()] then
    error(("resty.entra: a token cannot be waited for in the %s phase: use peek"):format(ngx.get_phase()), 3)
  end
  entry.misses = entry.misses + 1
  local deadline = now() + seconds
  local bearer, err, again = answer(entry)
  while not bearer and not err do
    local this, problem = flights[entry.name], nil
    if not this then
      this, problem = launch(entry)
    end
    if not this then
      return nil, problem, 1
    end
    this.landed = this.landed or semaphore.new()
    this.waiting = this.waiting + 1
    if not this.landed:wait(math.max(0, deadline - now())) then
      this.waiting = this.waiting - 1
    end
    bearer, err, again = answer(entry)
    if not bearer and not err and now() >= deadline then
      return nil, errors.new("timeout", "the token did not come in time", { code = "timeout" }), 1
    end
  end
  return bearer, err, again
end

return flight
