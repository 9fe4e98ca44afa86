--- The blocking part, in a pool thread: a token from the sealed store or from an exchange, into the shared
-- dictionary.
--
-- The thread writes the result itself: at a reload the event loop may have
-- forgotten who asked, and the exchange must not be lost. Nothing here is
-- nginx's but the dictionary; `ngx.now()` stands still in a thread.
--
-- @module resty.entra.obtain

local core = require("entra.core")
local definition = require("resty.entra.definition")
local errors = require("entra.errors")
local shared = require("resty.entra.shared")

local obtain = {}

local CONNECT_SECONDS = 2 -- `nginx -s stop` waits for this thread
local LOCK_SECONDS = 1 -- for the store's lock, which another program may hold

-- One profile per definition in each thread's Lua state: it keeps its connections.
local opened = {}

local function open(job)
  local here = opened[job.key]
  if here then
    return here
  end
  here = { warnings = {} }
  local err
  here.profile, err = definition.open(job.definition, {
    connect_timeout = CONNECT_SECONDS, lock_patience = LOCK_SECONDS,
    warn = function(message) table.insert(here.warnings, message) end,
  })
  if not here.profile then
    return nil, err
  end
  if definition.identity(job.definition, here.profile) ~= job.key then
    return nil, errors.new("config", ("profile '%s' was changed since nginx read it"):format(job.definition.stored),
      { code = "changed", hint = "nginx -s reload" })
  end
  opened[job.key] = here
  return here
end

-- RFC 6750 §2.1. nginx puts the text into a header as it is.
local function is_b64token(text)
  return text:match("^[%w._~+/-]+=*$") ~= nil
end

-- A part of one in 65536, different on every node.
local function chance()
  local a, b = require("entra.crypto").random(2):byte(1, 2)
  return (a * 256 + b) / 65536
end

-- When to fetch the next one: when the provider says so, else at half of its life; up to a tenth earlier,
-- so that the nodes of a fleet do not ask together.
local function refresh_time(token, now)
  local ahead = math.max(0, (token.refresh_on or now + (token.expires_on - now) / 2) - now)
  return now + ahead * (1 - chance() / 10)
end

local function measure(pool, job, result, err, seconds)
  local name = job.definition.name
  pool:count(("exchanges|%s|%s|%s"):format(name, result, err and err.aadsts and
    ("AADSTS%.0f"):format(err.aadsts) or ""), 1)
  for _, bound in ipairs(shared.SECONDS) do
    if bound == "+Inf" or seconds <= tonumber(bound) then
      pool:count(("seconds|%s|%s"):format(name, bound), 1)
    end
  end
  pool:count(("seconds_sum|%s"):format(name), seconds)
end

local function exchange(pool, job, here)
  local started = core.monotonic()
  -- Without a store the thread remembers nothing: another thread would not know of it.
  local token, err = here.profile:token {
    force = true, no_cache = not job.definition.store, timeout = job.timeout }
  if token and not is_b64token(token.access_token) then
    token, err = nil, errors.new("network", "the provider's token is not a b64token (RFC 6750)", { code = "garbled" })
  end
  measure(pool, job, token and "ok" or err.kind, err, core.monotonic() - started)
  return token, err
end

-- What another program or an earlier nginx left in the store, if it is newer than what the workers have.
local function stored(pool, job, here)
  if not job.definition.store or job.force then
    return nil
  end
  local token = here.profile:token { cached_only = true }
  if token and token.expires_on > job.have and is_b64token(token.access_token) then
    pool:count("store_hits|" .. job.definition.name, 1)
    return token
  end
end

local function fetch(pool, job)
  local here, err = open(job)
  if not here then
    return nil, err
  end
  here.warnings = {}
  local token = stored(pool, job, here)
  if not token then
    token, err = exchange(pool, job, here)
  end
  if not token then
    return nil, err, here.warnings
  end
  local now = core.now()
  local ok, why, forced = pool:keep(job.key, token.access_token, token.expires_on, refresh_time(token, now), now)
  if not ok or forced then
    table.insert(here.warnings, ("lua_shared_dict %s is too small%s"):format(pool.name, ok and "" or ": " .. why))
  end
  if not ok then
    return nil, errors.new("config", ("the token does not fit into lua_shared_dict %s"):format(pool.name),
      { code = "dict_full", hint = "make it larger" }), here.warnings
  end
  return token, nil, here.warnings
end

--- Do the job.
-- @tparam table job `definition`, `key` (its identity), `dict`, `holder` (of the place in the air), `have`
--   (when the present token expires, or 0), `force` (the store's is not wanted), `timeout`
-- @treturn table `error` (plain) or nil, `warnings`
function obtain.run(job)
  local pool = shared.new(job.dict)
  local ran, token, err, warnings = pcall(fetch, pool, job)
  if not ran then
    token, err = nil, errors.new("internal", tostring(token), { code = "thread" })
  end
  if token then
    pool:forgive(job.key)
    pool:forget_purge(job.key)
  else
    pool:fail(job.key, err:plain(), core.now())
  end
  pool:land(job.key, job.holder)
  return { error = err and err:plain(), warnings = warnings or {} }
end

return obtain
