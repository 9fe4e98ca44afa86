--- What `entra.client` does when the cache cannot answer: the lock, the second look, the exchange, the store.
--
-- Everything that turns a stored refresh token, or an app's credential, into
-- the next token happens under the lock of the entry that changes. Between
-- the parsed reply and the record's rename stands nothing.
--
-- @module entra.renewal

local cache = require("entra.cache")
local errors = require("entra.errors")
local exchange = require("entra.exchange")
local flight = require("entra.flight")
local keep = require("entra.keep")
local refresh_token = require("entra.grant.refresh_token")
local way = require("entra.way")

local renewal = {}

-- Seconds between two attempts to fetch a token ahead of time, if the first failed.
local AHEAD_PAUSE = 60
-- What stands in place of a refresh token that was refused for good, until the next sign-in.
local function refusal(self, plan, err)
  err.kind, err.code, err.message = "interaction", "refresh_token_refused", "refresh token expired or invalid"
  err.hint = self:sign_in_command(plan)
  return err
end

-- Turn the refresh token, under the lock. nil and nil: there is none.
local function turn(self, plan, opts)
  local held, err = self:grip(plan)
  if not held then
    return nil, err
  end
  if held.refused then
    return nil, refusal(self, plan, errors.from_plain(held.refused) or errors.new("interaction", "refused"))
  end
  -- Where replay revokes, a refresh token that cannot be stored is a sign-in lost: better not to ask.
  local room
  room, err = self.store:reserve(plan.refresh)
  if not room then
    return nil, err
  end
  local means = way.of(self, plan, opts, held.public)
  means.refresh_token = held.refresh_token
  local sent = self.clock.now()
  local reply, item, unkept
  reply, err = refresh_token.run(means)
  if reply then
    item, err, unkept = keep.reply(self, plan, opts, reply, sent, held, room)
  elseif refresh_token.is_dead(err) then
    keep.refresh_record(self, plan, { refused = err:plain(), account = held.account }, room)
    err = refusal(self, plan, err)
  end
  room:drop()
  return item, err, unkept
end

-- The next token without a person: by refresh token, or by the app's own grant.
local function obtain(self, plan, opts)
  if plan.refresh then
    return turn(self, plan, opts)
  end
  local sent = self.clock.now()
  local reply, err = way.grant(plan.flows[1]).run(way.of(self, plan, opts))
  if not reply then
    return nil, err
  end
  return keep.reply(self, plan, opts, reply, sent)
end

-- The second look after waiting for the lock: fresh, and with `force` fetched since we began.
local function second_look(self, plan, opts)
  return function(waited)
    local anew = opts.force or opts.claims
    local item = (waited or not anew) and self:cached(plan)
    return item and cache.is_fresh(item, self.clock.now()) and (not anew or item.cached_at >= plan.started) and item
  end
end

local function silently(self, plan, opts)
  return flight.run(self, plan, second_look(self, plan, opts), function() return obtain(self, plan, opts) end)
end

local function app_token(self, plan, opts)
  local item, more = silently(self, plan, opts)
  if not item then
    return nil, more
  end
  return self:hand_out(plan, item, opts, more == true)
end

local function person_token(self, plan, opts, stale)
  local anew = opts.force and opts.flow
  local held, err = self:grip(plan)
  if err and not (anew and err.broken) then
    return nil, err
  end
  if anew or not held then
    return require("entra.sign_in").run(self, plan, opts)
  end
  local item, more, unkept = silently(self, plan, opts)
  if item then
    return self:hand_out(plan, item, opts, more == true)
  end
  err = more
  if unkept then
    self.warn("the new refresh token is not stored: " .. err:line())
    return self:hand_out(plan, unkept, opts, false)
  end
  if not err then -- another process signed out meanwhile
    return require("entra.sign_in").run(self, plan, opts)
  end
  local now = self.clock.now()
  if (err.kind == "network" or err.kind == "timeout") and stale and cache.is_alive(stale, now) then
    self.log("%s; the present token still holds for a while", err.message)
    return self:hand_out(plan, stale, opts, true)
  end
  if err.kind ~= "interaction" and err.code ~= "invalid_grant" then
    return nil, err
  end
  if opts.may_ask and opts.may_ask() then
    self.log("%s", err.message)
    -- What the refusal asks for is what the person is asked for.
    local asked = setmetatable({ claims = opts.claims or err.claims }, { __index = opts })
    return require("entra.sign_in").run(self, plan, asked)
  end
  err.kind = "interaction"
  err.hint = self:sign_in_command(plan)
  return nil, err
end

--- `Client:acquire` where no stored token is fresh.
-- @tparam entra.client self
-- @tparam table plan
-- @tparam table opts
-- @tparam table|nil stale a token that is not fresh, but may still be alive
function renewal.acquire(self, plan, opts, stale)
  local forbidden = exchange.forbidden() -- asked here too: waiting for a lock blocks as well
  if forbidden then
    return nil, forbidden
  end
  return (plan.refresh and person_token or app_token)(self, plan, opts, stale)
end

--- Fetch the next token while the present one is fresh. Who gets the lock at once does it; a failure, a store
-- that could not keep it, or somebody else at work costs nothing: the present token is handed out.
function renewal.ahead(self, plan, opts, present, seconds)
  if exchange.forbidden() then
    return self:hand_out(plan, present, opts, true)
  end
  local clock = self.clock
  plan.deadline = clock.monotonic()
  local function answered()
    local found, note = self:cached(plan), self.store:read_note(plan.lock)
    local failed = note and note.entry == plan.entry and tonumber(note.at) or 0
    -- Nobody needs the next token yet: after a failure there is time for a pause.
    local is_too_soon = math.abs(clock.now() - failed) < AHEAD_PAUSE
    return found and (is_too_soon or not cache.is_due(found, clock.now())) and found
  end
  local item
  local room, err = self.store:reserve(plan.entry) -- only to see whether there is any
  if room then
    room:drop()
    item, err = flight.run(self, plan, answered, function()
      plan.deadline = clock.monotonic() + seconds
      return obtain(self, plan, opts)
    end)
  end
  if not item then
    if err and err.kind == "cancelled" then
      return nil, err
    end
    self.log("not renewed ahead of time: %s", err and err.message or "no refresh token")
  end
  return self:hand_out(plan, item or present, opts, item == nil or err == true)
end

--- `Client:refresh`.
function renewal.refresh(self, plan, opts)
  local forbidden = exchange.forbidden()
  if forbidden then
    return nil, forbidden
  end
  local held, err = self:grip(plan)
  local item
  if held then
    item, err = flight.run(self, plan, function(waited)
      -- Who waited for another process's exchange has its result, and does not make a second one.
      local found = waited and self:cached(plan)
      return found and found.cached_at >= plan.started and cache.is_alive(found, self.clock.now()) and found
    end, function()
      return turn(self, plan, opts)
    end, true)
  end
  if item then
    return self:hand_out(plan, item, opts, false)
  end
  if not err then
    return nil, errors.new("interaction", ("no refresh token available for profile '%s'"):format(self.settings.name), {
      code = "no_refresh_token", hint = ("entra-auth-cli get-token --profile %s"):format(self.settings.name) })
  end
  if err.code == "invalid_grant" or err.kind == "interaction" and err.code ~= "refresh_token_refused" then
    local cause = errors.from_plain(err:plain())
    err = refusal(self, plan, err)
    err.cause = cause
  end
  return nil, err
end

return renewal
