--- The memory of failures, beside an entry's lock: who must not ask again yet.
--
-- Three rules. A process that was already waiting for the lock when the
-- holder failed returns that failure (the convoy rule). A Retry-After binds
-- everybody until it is over. A refused refresh is not repeated for two
-- minutes, unless somebody asks for it by name.
--
-- @module entra.failure

local errors = require("entra.errors")

local failure = {}

local REFUSAL_MEMORY = 120 -- seconds, as MSAL.NET's
local THROTTLE_MEMORY = 10 -- seconds, where a 429 names none
local MEMORY_MAX = 3600

-- Failures of ours, not of the server: nobody else needs to know.
local OWN = { cancelled = true, usage = true, config = true, store = true, crypto = true, internal = true,
  credential = true }

--- The note to leave after a failed exchange.
-- @tparam entra.errors err
-- @tparam table plan of the call
-- @tparam number now seconds since 1970
-- @treturn table|nil
function failure.note(err, plan, now)
  if OWN[err.kind] then
    return nil
  end
  local throttled = err.retry_after or err.code == "throttled" and THROTTLE_MEMORY or nil
  local refused = plan.refresh and (err.code == "invalid_grant" or err.kind == "interaction")
  return {
    at = now, entry = plan.entry, error = err:plain(),
    throttled_until = throttled and now + math.min(throttled, MEMORY_MAX),
    refused_until = refused and now + REFUSAL_MEMORY or nil,
  }
end

local function ahead(time, now)
  return type(time) == "number" and time > now and time <= now + MEMORY_MAX and time - now or nil
end

--- Does a note bind this call?
-- @tparam table|nil note
-- @tparam table plan
-- @tparam number now
-- @tparam boolean waited whether this process waited for the lock
-- @tparam boolean explicit whether the refresh was asked for by name
-- @treturn entra.errors|nil the failure to return
function failure.binding(note, plan, now, waited, explicit)
  local err = note and errors.from_plain(note.error)
  -- A note from the future was written by another clock.
  if not err or type(note.at) ~= "number" or note.at > now then
    return nil
  end
  local left = ahead(note.throttled_until, now)
  if left then
    err.retry_after = math.ceil(left)
    err.hint = ("wait %.0f seconds, then try again"):format(err.retry_after)
    return err
  end
  if waited and note.at >= plan.started and note.entry == plan.entry then
    return err
  end
  if not explicit and note.entry == plan.entry and ahead(note.refused_until, now) then
    return err
  end
  return nil
end

return failure
