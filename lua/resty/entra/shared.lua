--- What all workers of a host know: tokens, failures and who is fetching, in one shared dictionary.
--
-- Used by the event loop and by pool threads alike. Access tokens only: no
-- secret and no refresh token is ever written here. Keys carry the profile's
-- identity, so that after a reload another app's token cannot answer.
--
-- @module resty.entra.shared

local cjson = require("cjson.safe")

local shared = {}

local Shared = { __name = "resty.entra.shared" }
Shared.__index = Shared

--- The bounds of the histogram of exchanges, as they are counted and shown.
shared.SECONDS = { "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf" }

local LONGEST_PAUSE = 60 -- seconds between attempts while a provider is down, unless it asks for more
local MEMORY = 60 -- seconds after its pause for which a failure counts towards the next one's pause

--- @tparam string name of the `lua_shared_dict`
function shared.new(name)
  return setmetatable({ dict = ngx.shared[name], name = name }, Shared)
end

--- The token of a profile.
-- @tparam string key the profile's identity
-- @treturn string|nil the record as it is stored: equal records are the same token
function Shared:record(key)
  return self.dict:get("token|" .. key)
end

--- What a record says.
-- @treturn string the header's value, `Bearer …`
-- @treturn number when it expires
-- @treturn number from when on the next one should be fetched; seconds since 1970 both
function shared.parse(record)
  local expires, refresh, bearer = record:match("^(%S+) (%S+) (.+)$")
  return bearer, tonumber(expires), tonumber(refresh)
end

--- Keep a token until it expires. Expiry and refresh time stand beside it, in one value: the
-- dictionary's own flags are signed and 32 bits wide in a pool thread.
-- @treturn boolean
-- @treturn string why not
-- @treturn boolean whether room was made by dropping something else
function Shared:keep(key, token, expires, refresh, now)
  return self.dict:set("token|" .. key, ("%.3f %.3f Bearer %s"):format(expires, refresh, token), expires - now)
end

--- The last failure, while it is remembered: `error` (plain), `count`, `wait_until`.
function Shared:failure(key)
  local text = self.dict:get("failure|" .. key)
  return text and cjson.decode(text)
end

--- The failure that forbids another attempt now, or nil.
function Shared:binding_failure(key, now)
  local failure = self:failure(key)
  return failure and failure.wait_until > now and failure or nil
end

--- Remember a failure: 2 s, 4 s, … up to a minute, and at least what the provider's Retry-After says.
-- @tparam string key
-- @tparam table plain see `entra.errors`
-- @tparam number now
function Shared:fail(key, plain, now)
  local before = self:failure(key)
  local count = (before and before.count or 0) + 1
  local pause = math.max(math.min(2 ^ count, LONGEST_PAUSE), plain.retry_after or 0)
  self.dict:set("failure|" .. key, cjson.encode { error = plain, count = count, wait_until = now + pause },
    pause + MEMORY)
end

--- Forget a failure. With `unless_throttled` one that the provider asked to remember stays.
function Shared:forgive(key, unless_throttled)
  local failure = unless_throttled and self:failure(key)
  if not (failure and failure.error.retry_after) then
    self.dict:delete("failure|" .. key)
  end
end

--- Take the profile's one place in the air.
-- @tparam string holder unique; begins with the worker's pid
-- @tparam number seconds after which it is free whatever happened
-- @treturn boolean
function Shared:take_off(key, holder, seconds)
  return (self.dict:add("flight|" .. key, holder, seconds))
end

--- Who is in the air, if anybody.
function Shared:holder(key)
  return self.dict:get("flight|" .. key)
end

--- Free the place, if it is still this holder's.
function Shared:land(key, holder)
  if self:holder(key) == holder then
    self.dict:delete("flight|" .. key)
  end
end

--- Free the place of a worker that was killed; of several that noticed, one does it.
function Shared:clear_wreck(key, holder)
  if self.dict:add("wreck|" .. holder, true, 60) then
    self:land(key, holder)
  end
end

--- Drop the token, and remember that the store's is not wanted either.
function Shared:purge(key)
  self.dict:set("purged|" .. key, true)
  self.dict:delete("token|" .. key)
  self:forgive(key, true)
end

--- Was the token purged, and not replaced since?
function Shared:is_purged(key)
  return self.dict:get("purged|" .. key) ~= nil
end

function Shared:forget_purge(key)
  self.dict:delete("purged|" .. key)
end

--- Add to a counter.
-- @tparam string name `metric|profile|label|label`
function Shared:count(name, amount)
  self.dict:incr("count|" .. name, amount, 0)
end

--- All counters, by name. Looks at every key: for metrics only.
function Shared:counts()
  local out = {}
  for _, key in ipairs(self.dict:get_keys(0)) do
    local name = key:match("^count|(.*)$")
    if name then
      out[name] = self.dict:get(key)
    end
  end
  return out
end

return shared
