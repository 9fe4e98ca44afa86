--- What is remembered between calls, and the rules by which it is used again.
--
-- Three kinds of entry, each a record of the store: a profile's tokens for one
-- resource (up to eight, with their granted scopes), its refresh token, its
-- client secret or certificate. Names carry all that a token depends on, so an entry can only
-- answer the request it was made for.
--
-- @module entra.cache

local scopes = require("entra.scopes")

local cache = {}

-- Every MSAL's margin: a token with less than this left counts as stale.
local MARGIN = 300
local TOKENS_PER_ENTRY = 8
-- What lies further ahead was written by a wrong clock.
local ABSURD = 10 * 366 * 86400

--- The name of the tokens of one resource.
-- @tparam table settings of the profile: `id`, `authority`, `tenant`, `client_id`
-- @tparam string partition `app` or `user`
-- @tparam string resource
function cache.tokens_name(settings, partition, resource)
  return table.concat({ "tokens", settings.id, partition, settings.authority, settings.tenant,
    settings.client_id, resource }, "|")
end

--- The name of the refresh token. For the time of a call a profile may be asked about another directory
-- (`home_tenant` is then its own): that is another sign-in.
function cache.refresh_name(settings, partition)
  local away = settings.home_tenant and settings.home_tenant ~= settings.tenant
  return table.concat({ "refresh", settings.id, partition, away and settings.tenant or nil }, "|")
end

--- Does the entry hold a token of this profile's partition and directory?
function cache.is_token_of(name, settings, partition)
  local start = table.concat({ "tokens", settings.id, partition, settings.authority, settings.tenant, "" }, "|")
  return name:sub(1, #start) == start
end

--- The name of the client secret.
function cache.secret_name(settings)
  return "secret|" .. settings.id
end

--- The name of the certificate.
function cache.certificate_name(settings)
  return "certificate|" .. settings.id
end

--- Does the entry called `name` belong to the profile with this id?
function cache.belongs_to(name, id)
  return name:match("^%a+|([^|]*)") == id
end

-- A short life has a short margin: a quarter of it.
local function margin_of(item)
  local life = item.expires_on - item.cached_at
  return math.min(MARGIN, life / 4)
end

-- Was it stored by a clock that we can believe, seen from now?
local function is_credible(item, now)
  return now >= item.cached_at - MARGIN and item.expires_on - now < ABSURD
end

--- May this stored token be handed out without asking anybody?
function cache.is_fresh(item, now)
  return is_credible(item, now) and now + margin_of(item) < item.expires_on
end

--- Is it still accepted by the API, if only just?
function cache.is_alive(item, now)
  return is_credible(item, now) and now < item.expires_on
end

--- Is it time to fetch the next one, although this one is fresh?
function cache.is_due(item, now)
  return item.refresh_on ~= nil and now >= item.refresh_on
end

--- The token in an entry that serves the wanted scopes; of several, the one that lasts longest.
-- @tparam table|nil body the entry
-- @tparam {string,...} wanted
function cache.select(body, wanted)
  local best
  for _, item in ipairs(body and body.tokens or {}) do
    if scopes.covers(item.scopes, wanted) and (not best or item.expires_on > best.expires_on) then
      best = item
    end
  end
  return best
end

--- The token stored last, whatever it was granted: what `inspect` shows.
function cache.latest(body)
  local best
  for _, item in ipairs(body and body.tokens or {}) do
    if not best or item.cached_at > best.cached_at then
      best = item
    end
  end
  return best
end

local function same_scopes(a, b)
  return scopes.covers(a, b) and scopes.covers(b, a)
end

--- An entry with one token more. A token with the same scopes is replaced; among dead ones only the
-- latest stays (for `inspect`); past eight the oldest goes.
-- @treturn table the new body
-- @treturn number the latest expiry in it, for the record's header
function cache.insert(body, item, now)
  local kept = { item }
  for _, other in ipairs(body and body.tokens or {}) do
    if #kept < TOKENS_PER_ENTRY and cache.is_alive(other, now) and not same_scopes(other.scopes, item.scopes) then
      kept[#kept + 1] = other
    end
  end
  local last = 0
  for _, token in ipairs(kept) do
    last = math.max(last, token.expires_on)
  end
  return { tokens = kept }, last
end

return cache
