--- The whole way of a token: cache, lock, second look, exchange, store.
--
-- One client serves one profile. What is on the disk is looked at each time,
-- so many processes may work on one profile. Nothing here prints or asks;
-- whoever can reach a person passes `on_prompt`.
--
-- @module entra.client

local cache = require("entra.cache")
local errors = require("entra.errors")
local flow = require("entra.flow")
local json = require("entra.json")
local scopes = require("entra.scopes")
local token = require("entra.token")

local client = {}

local Client = { __name = "entra.client" }
Client.__index = Client

local TIMEOUT = 60 -- seconds for everything a call does, unless told otherwise
local AHEAD_TIMEOUT = 5 -- seconds that fetching the next token may delay handing out the present one

local CLAIMS_MAX = 8 * 1024

local function silent() end

--- Make a client.
-- @tparam table settings of the profile, see `entra.profiles`
-- @tparam table store `entra.store.sealed` or `entra.store.memory`
-- @tparam[opt] table env `clock` (`now`, `monotonic`, `wait`), `wake` (a descriptor that interrupts waits),
--   `http` (instead of libcurl's), `log(format, …)`, `warn(message)`; `connect_timeout` (seconds for one
--   connection), `lock_patience` (seconds after which an app's exchange goes on without the store)
function client.new(settings, store, env)
  env = env or {}
  return setmetatable({
    settings = settings, store = store, clock = env.clock or require("entra.clock").new(env.wake),
    wake = env.wake, http = env.http, log = env.log or silent, warn = env.warn or silent,
    connect_timeout = env.connect_timeout, lock_patience = env.lock_patience,
  }, Client)
end

-- What a call is about: the flow, the cache's partition and entry, and the scopes.
function Client:plan(opts)
  local settings = self.settings
  local flows, err
  if opts.flow then
    flows, err = flow.names(opts.flow)
    if not flows then
      return nil, err
    end
  else
    flows = settings.flows or { flow.default(settings.auth_method) }
  end
  local asked = scopes.split(opts.scope or settings.scopes)
  if #asked == 0 then
    asked = { scopes.DEFAULT }
  end
  local resource
  resource, err = scopes.resource(asked)
  if not resource then
    return nil, err
  end
  if opts.claims and (#opts.claims > CLAIMS_MAX or not json.decode(opts.claims)) then
    return nil, errors.new("usage", "the claims challenge is not a JSON object", { code = "claims",
      hint = "pass the decoded 'claims' of the WWW-Authenticate header" })
  end
  local partition = flow.BY_NAME[flows[1]].partition
  if partition == "app" then
    asked, err = scopes.for_app(asked)
    if not asked then
      return nil, err
    end
  end
  local entry = cache.tokens_name(settings, partition, resource)
  local refresh = partition == "user" and cache.refresh_name(settings, partition) or nil
  return {
    flows = flows, partition = partition, scopes = asked, entry = entry, refresh = refresh,
    -- A person's exchanges all turn the one refresh token, so they queue up behind it.
    lock = refresh or entry,
    deadline = self.clock.monotonic() + (opts.timeout or TIMEOUT),
    started = self.clock.now(),
  }
end

-- An entry's body. One that does not open is moved aside where it can be had again.
function Client:read(name)
  local body, err = self.store:read(name)
  if err and err.broken then
    local moved, problem = self.store:set_aside(name)
    self.warn(err.message .. "; " .. (moved and "moved aside" or problem:line()))
    return nil
  end
  return body, err
end

function Client:cached(plan)
  local body, err = self:read(plan.entry)
  if err then
    return nil, err
  end
  return cache.select(body, plan.scopes)
end

-- What a person has to type to sign in anew: a flow of the profile's own, if it has one.
function Client:sign_in_command(plan)
  local own = self.settings.flows and plan.partition == "user" and plan.flows[1]
  return ("entra-auth-cli get-token --profile %s --flow %s --force"):format(self.settings.name, own or "interactive")
end

-- The refresh token's record, if it is for this authority, tenant and app.
function Client:grip(plan)
  local body, err = self.store:read(plan.refresh)
  if err then
    if err.broken then
      err.hint = "restore the key, or sign in again: " .. self:sign_in_command(plan)
    end
    return nil, err
  end
  local settings = self.settings
  if body and (body.authority ~= settings.authority or body.tenant ~= settings.tenant
    or body.client_id ~= settings.client_id) then
    self.log("the stored refresh token belongs to another authority, tenant or app: not used")
    return nil
  end
  return body
end

function Client:hand_out(plan, item, opts, from_cache)
  local refresh
  if opts.refresh_token and plan.refresh then
    local body = self:grip(plan)
    refresh = body and body.refresh_token
  end
  return token.new {
    access_token = item.access_token, token_type = item.token_type, expires_on = item.expires_on,
    refresh_on = item.refresh_on, scopes = item.scopes, refresh_token = refresh, from_cache = from_cache or false,
  }
end

--- A valid token: from the cache, else by refresh token, else by the profile's flow.
-- @tparam[opt] table opts `scope` (string or array), `flow` (one, or several to try in turn), `force` (skip the
--   cached access token; with `flow` also the refresh token), `claims` (a claims challenge, JSON: skips the cached
--   access token), `no_cache` (do not store the access token), `cached_only` (never use the network), `timeout`
--   (seconds), `refresh_token` (hand it out too), `may_ask()` (is a person there, to sign in anew where a refresh
--   token was refused?), and what `sign_in` takes
-- @treturn entra.token|nil
-- @treturn entra.errors
function Client:acquire(opts)
  opts = opts or {}
  local plan, err = self:plan(opts)
  if not plan then
    return nil, err
  end
  local item
  if not opts.force and not opts.claims then
    item, err = self:cached(plan)
    if err then
      return nil, err
    end
  end
  local now = self.clock.now()
  if item and cache.is_fresh(item, now) then
    self.log("token from the cache")
    if cache.is_due(item, now) and not opts.cached_only then
      return require("entra.renewal").ahead(self, plan, opts, item, AHEAD_TIMEOUT)
    end
    return self:hand_out(plan, item, opts, true)
  end
  if opts.cached_only then
    return nil, errors.new("interaction", ("no valid token is stored for profile '%s'"):format(self.settings.name),
      { code = "not_cached", hint = ("entra-auth-cli get-token --profile %s"):format(self.settings.name) })
  end
  return require("entra.renewal").acquire(self, plan, opts, item)
end

--- Sign a person in, whatever is stored, and store what it brings.
-- @tparam[opt] table opts `scope`, `flow`, `claims`, `no_cache`, `timeout`, `refresh_token` as in `acquire`;
--   `on_prompt`, `on_wait`, `open_browser`, `input`, `redirect_uri`, `port`, `login_hint`: see
--   `entra.grant.authorization_code`
-- @treturn entra.token|nil
-- @treturn entra.errors
function Client:sign_in(opts)
  opts = opts or {}
  local plan, err = self:plan(opts)
  if not plan then
    return nil, err
  end
  if not plan.refresh then
    return nil, errors.new("usage", ("%s signs in the app, not a person"):format(plan.flows[1]), {
      code = "flow", hint = "choose the flow interactive, device-code or authorization-code" })
  end
  return require("entra.sign_in").run(self, plan, opts)
end

--- A new token from the stored refresh token, always over the network (RFC 6749 §6).
-- @tparam[opt] table opts `scope`, `timeout`, `refresh_token` as in `acquire`
-- @treturn entra.token|nil
-- @treturn entra.errors code `no_refresh_token`, `refresh_token_refused`, or what the exchange met
function Client:refresh(opts)
  opts = opts or {}
  local plan, err = self:plan { scope = opts.scope, timeout = opts.timeout,
    flow = "device-code" }
  if not plan then
    return nil, err
  end
  return require("entra.renewal").refresh(self, plan, opts)
end

--- The token that was stored last, expired or not, for people to look at; the partition of the profile's
-- own flow comes first.
-- @tparam[opt] table opts `scope`
-- @treturn entra.token|nil nil and no error where there is none
-- @treturn entra.errors
function Client:peek(opts)
  local own = (self.settings.flows or { flow.default(self.settings.auth_method) })[1]
  local is_app = flow.BY_NAME[own].partition == "app"
  for _, name in ipairs { own, is_app and "device-code" or "client-credentials" } do
    local plan, err = self:plan { scope = opts and opts.scope, flow = name }
    local body
    if plan then
      body, err = self:read(plan.entry)
    end
    -- Scopes that suit the one partition may be wrong for the other: only the profile's own counts.
    if err and (plan or name == own) then
      return nil, err
    end
    local item = body and (cache.select(body, plan.scopes) or cache.latest(body))
    if item then
      return self:hand_out(plan, item, {}, true)
    end
  end
  return nil
end

--- Remove all that is stored for this profile: tokens, refresh token, secret.
-- @treturn true|nil
-- @treturn entra.errors
function Client:forget()
  local id = self.settings.id
  local names, problem = self.store:names(function(name) return cache.belongs_to(name, id) end)
  if not names then
    return nil, problem
  end
  for _, name in ipairs(names) do
    local ok, err = self.store:remove(name)
    if not ok then
      return nil, err
    end
  end
  return true
end

return client
