--- What `entra.client` does when the cache cannot answer: the lock, the second look, the exchange, the store.
--
-- Everything that turns a stored refresh token, or an app's credential, into
-- the next token happens under the lock of the entry that changes. Between
-- the parsed reply and the record's rename stands nothing.
--
-- @module entra.renewal

local cache = require("entra.cache")
local credential = require("entra.credential")
local errors = require("entra.errors")
local exchange = require("entra.exchange")
local flight = require("entra.flight")
local flow = require("entra.flow")
local refresh_token = require("entra.grant.refresh_token")
local scopes = require("entra.scopes")

local renewal = {}

-- RFC 6749 §5.1 lets a server leave expires_in out; MSAL then counts on ten minutes.
local UNKNOWN_LIFE = 600
-- Long lives without refresh_in are renewed at half time (MSAL's rule).
local LONG_LIFE = 7200
-- Seconds between two attempts to fetch a token ahead of time, if the first failed.
local AHEAD_PAUSE = 60
-- Storing what a person signed in for is worth a wait.
local STORE_SECONDS = 60

local function grant_of(plan)
  return require("entra.grant." .. flow.BY_NAME[plan.flow].grant)
end

-- What a grant is handed: see `entra.grant.client_credentials.run`.
local function way_of(self, plan, opts)
  local env = { clock = self.clock, deadline = plan.deadline, wake = self.wake, http = self.http, log = self.log }
  return {
    settings = self.settings, scopes = plan.scopes, clock = self.clock, deadline = plan.deadline,
    on_prompt = opts.on_prompt,
    on_wait = function(left) -- looked up late: on_prompt may decide how the wait is shown
      if opts.on_wait then
        opts.on_wait(left)
      end
    end,
    credential = function() return credential.form(self.store, self.settings, self) end,
    post = function(request) return exchange.post(self.settings, request, env) end,
  }
end

-- The life counts from when the request was sent; cached_at says when we got it, for those who waited.
local function item_of(self, plan, reply, sent)
  local life = reply.expires_in or reply.expires_on and reply.expires_on - sent or UNKNOWN_LIFE
  local ahead = reply.refresh_in or life >= LONG_LIFE and life / 2 or nil
  return {
    access_token = reply.access_token, token_type = "Bearer", scopes = scopes.granted(reply.scope, plan.scopes),
    cached_at = self.clock.now(), expires_on = sent + life, refresh_on = ahead and sent + ahead,
  }
end

local function write_refresh_record(self, plan, body)
  local settings = self.settings
  body.authority, body.tenant, body.client_id = settings.authority, settings.tenant, settings.client_id
  return self.store:write(plan.refresh, body, { durable = true })
end

-- Store what an exchange brought. The refresh token comes first: it alone cannot be had again, and
-- failing to store it is the only failure that counts.
local function keep(self, plan, opts, reply, sent, held)
  local item = item_of(self, plan, reply, sent)
  if plan.refresh and reply.refresh_token then
    local ok, err = write_refresh_record(self, plan, {
      refresh_token = reply.refresh_token, client_info = reply.client_info or held and held.client_info })
    if not ok then
      return nil, err, item
    end
  end
  if not opts.no_cache and not self.storeless then
    local body, err = self:read(plan.entry)
    local ok, expires
    if not err then -- what cannot be read, and is not broken, is not ours to write over
      body, expires = cache.insert(body, item, self.clock.now())
      ok, err = self.store:write(plan.entry, body, { expires_on = expires, refresh_on = item.refresh_on })
    end
    if not ok then
      self.warn("the token is not cached: " .. err.message)
    end
  end
  return item
end

-- What stands in place of a refresh token that was refused for good, until the next sign-in.
local function refusal(self, err)
  err.kind, err.code, err.message = "interaction", "refresh_token_refused", "refresh token expired or invalid"
  err.hint = ("entra-auth-cli get-token --profile %s --flow device-code --force"):format(self.settings.name)
  return err
end

-- Turn the refresh token, under the lock. nil and nil: there is none.
local function turn(self, plan, opts)
  local held, err = self:grip(plan)
  if not held then
    return nil, err
  end
  if held.refused then
    return nil, refusal(self, errors.from_plain(held.refused) or errors.new("interaction", "refused"))
  end
  local way = way_of(self, plan, opts)
  way.refresh_token = held.refresh_token
  local sent = self.clock.now()
  local reply
  reply, err = refresh_token.run(way)
  if reply then
    return keep(self, plan, opts, reply, sent, held)
  end
  if refresh_token.is_dead(err) then
    write_refresh_record(self, plan, { refused = err:plain() })
    err = refusal(self, err)
  end
  return nil, err
end

-- The next token without a person: by refresh token, or by the app's own grant.
local function obtain(self, plan, opts)
  if plan.refresh then
    return turn(self, plan, opts)
  end
  local sent = self.clock.now()
  local reply, err = grant_of(plan).run(way_of(self, plan, opts))
  if not reply then
    return nil, err
  end
  return keep(self, plan, opts, reply, sent)
end

-- The second look after waiting for the lock: fresh, and with `force` fetched since we began.
local function second_look(self, plan, opts)
  return function(waited)
    local item = (waited or not opts.force) and self:cached(plan)
    return item and cache.is_fresh(item, self.clock.now())
      and (not opts.force or item.cached_at >= plan.started) and item
  end
end

local function silently(self, plan, opts)
  return flight.run(self, plan, second_look(self, plan, opts), function() return obtain(self, plan, opts) end)
end

-- Sign a person in. No lock is held while the person acts, only to store.
local function sign_in(self, plan, opts)
  local grant = grant_of(plan)
  plan.deadline = self.clock.monotonic() + (opts.timeout or grant.PATIENCE)
  local sent = self.clock.now()
  local reply, err = grant.run(way_of(self, plan, opts))
  if not reply then
    return nil, err
  end
  local lock, item, unkept
  lock, err = self.store:lock(plan.lock, STORE_SECONDS)
  if lock then
    -- Only now that there is another one: until here, mending the key would have brought it back.
    local _, problem = self.store:read(plan.refresh)
    if problem and problem.broken then
      self.store:set_aside(plan.refresh)
    end
    item, err, unkept = keep(self, plan, opts, reply, sent)
    self.store:write_note(plan.lock, nil)
    lock:release()
  end
  if not item then
    self.warn("the sign-in is not stored: " .. err.message)
  elseif not reply.refresh_token then
    self.warn("the server gave no refresh token: include the offline_access scope")
  end
  return self:hand_out(plan, item or unkept or item_of(self, plan, reply, sent), opts, false)
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
    return sign_in(self, plan, opts)
  end
  local item, more = silently(self, plan, opts)
  if item then
    return self:hand_out(plan, item, opts, more == true)
  end
  err = more
  if not err then -- another process signed out meanwhile
    return sign_in(self, plan, opts)
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
    return sign_in(self, plan, opts)
  end
  err.kind = "interaction"
  err.hint = ("entra-auth-cli get-token --profile %s --flow %s --force"):format(self.settings.name, plan.flow)
  return nil, err
end

--- `Client:acquire` where no stored token is fresh.
-- @tparam entra.client self
-- @tparam table plan
-- @tparam table opts
-- @tparam table|nil stale a token that is not fresh, but may still be alive
function renewal.acquire(self, plan, opts, stale)
  return (plan.refresh and person_token or app_token)(self, plan, opts, stale)
end

--- Fetch the next token while the present one is fresh. Who gets the lock at once does it; a failure, or
-- somebody else at work, costs nothing: the present token is handed out.
function renewal.ahead(self, plan, opts, present, seconds)
  local clock = self.clock
  plan.deadline = clock.monotonic()
  local item, err = flight.run(self, plan, function()
    local found, note = self:cached(plan), self.store:read_note(plan.lock)
    local failed = note and note.entry == plan.entry and tonumber(note.at) or 0
    -- Nobody needs the next token yet: after a failure there is time for a pause.
    local is_too_soon = math.abs(clock.now() - failed) < AHEAD_PAUSE
    return found and (is_too_soon or not cache.is_due(found, clock.now())) and found
  end, function()
    plan.deadline = clock.monotonic() + seconds
    return obtain(self, plan, opts)
  end)
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
  local held, err = self:grip(plan)
  local item
  if held then
    item, err = flight.run(self, plan, function(waited)
      -- Who waited for another process's exchange has its result, and does not make a second one.
      local found = waited and self:cached(plan)
      return found and found.cached_at >= plan.started and found
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
    err = refusal(self, err)
    err.cause = cause
  end
  return nil, err
end

return renewal
