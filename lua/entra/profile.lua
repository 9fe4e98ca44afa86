--- A profile as programs use it: who signs in where, and its tokens. It is made by @{entra.profile}.
--
-- What is stored is looked at in each call, so that any number of processes may work with one profile: the first
-- one exchanges, the others wait and have the same token. A call blocks its thread for as long as that takes.
--
-- @module entra.profile

local authority = require("entra.authority")
local client = require("entra.client")
local flow = require("entra.flow")
local scopes = require("entra.scopes")

local profile = {}

local Profile = { __name = "entra.profile" }
Profile.__index = Profile

function Profile:__tostring()
  return ("entra.profile(%s)"):format(self.name)
end

-- Only the owner of the key may look up the client behind a profile.
local CLIENT = {}

local function wrap(settings, store, env)
  return setmetatable({ name = settings.name, [CLIENT] = client.new(settings, store, env) }, Profile)
end

--- @type entra.profile

--- A valid access token: from the cache, else by refresh token, else by the profile's flow.
--
-- A token with less than five minutes left (a quarter of its life, if that is shorter) counts as expired. Where
-- Entra says from when on the next one should be fetched (`refresh_in`), or at half of a life of two hours or
-- more, that is done ahead of time; while it fails, the present token goes on being handed out.
--
-- One token is for one resource, such as `https://graph.microsoft.com`. An app's scope is one resource's
-- `/.default`; a person's are that resource's permissions.
--
-- @function token
-- @tparam[opt] table opts
-- @tparam[opt] string|{string,...} opts.scope instead of the profile's scopes (RFC 6749 §3.3)
-- @tparam[opt] string opts.flow how to obtain it: `client-credentials` (RFC 6749 §4.4), `interactive` or
--   `authorization-code` (§4.1, RFC 7636, RFC 8252), `device-code` (RFC 8628); for a person also several, tried in
--   turn: `interactive,device-code`
-- @tparam[opt] string opts.claims a claims challenge (OpenID Connect Core §5.5: a JSON object, decoded); the cached
--   token is not used
-- @tparam[opt=false] boolean opts.force do not answer from the cache; together with `flow` sign in anew
-- @tparam[opt=false] boolean opts.no_cache do not store the access token
-- @tparam[opt=false] boolean opts.cached_only never use the network, never wait
-- @tparam[opt=60] number opts.timeout seconds for everything; 900 by default where a person signs in
-- @tparam[opt=false] boolean opts.refresh_token hand out the refresh token too, where there is one
-- @tparam[opt] function opts.on_prompt as in @{sign_in}; without it a flow that needs a person fails
-- @treturn entra.token|nil
-- @treturn entra.errors kind `oauth` (Entra refused), `interaction` (a person must sign in; code `not_cached` with
--   `cached_only`), `credential`, `network`, `timeout`, `store`, `config`, `usage`
-- @usage
-- local p = assert(entra.profile("production"))
-- local token, err = p:token { scope = "https://vault.azure.net/.default", timeout = 20 }
-- if not token and err.retry_after then
--   print(("try again in %d seconds"):format(err.retry_after))
-- end
--
-- -- In an event loop: what is cached, at once, or nil; another process keeps it fresh.
-- local at_once = p:token { cached_only = true }
-- print(at_once and "there" or "not yet")
function Profile:token(opts)
  return self[CLIENT]:acquire(opts)
end

--- Sign a person in now, whatever is stored; blocks until they did. Nothing is printed: the caller shows what
-- `on_prompt` is handed. Its texts come from the server: clean them before they reach a terminal.
--
-- @function sign_in
-- @tparam table opts as in @{token}, and
-- @tparam function opts.on_prompt called once for each flow that is tried, with a table. Its `flow` is
--   `device-code`: `user_code`, `verification_uri` (https), `message`, `expires_in` in seconds (RFC 8628 §3.2).
--   Else: `url` (the page to open), `opened` (whether a browser was started), `redirect_uri`, `expires_in`
-- @tparam[opt] function opts.on_wait device code: called about once a second with the seconds that are left
-- @tparam[opt] function|boolean opts.open_browser `open_browser(url)` → true, or nil and an error; false for none;
--   the desktop's browser by default
-- @tparam[opt] string opts.redirect_uri instead of the profile's; `http://localhost` by default (RFC 8252 §7.3)
-- @tparam[opt] number opts.port for the loopback redirect; any free one by default
-- @tparam[opt] string opts.login_hint the account to begin with, such as `ada@contoso.com`
-- @tparam[opt=900] number opts.timeout seconds for everything
-- @treturn entra.token|nil
-- @treturn entra.errors kind `interaction`, `oauth`, `timeout`, `network`, …
-- @usage
-- local me = assert(entra.profile("me"))
-- assert(me:sign_in {
--   flow = "device-code",
--   on_prompt = function(prompt) print(prompt.verification_uri, prompt.user_code) end,
-- })
function Profile:sign_in(opts)
  return self[CLIENT]:sign_in(opts)
end

--- A new access token from the stored refresh token, always over the network (RFC 6749 §6).
--
-- The refresh token that comes with it is stored before this returns. An app signs in as itself and has no
-- refresh token.
--
-- @function refresh
-- @tparam[opt] table opts
-- @tparam[opt] string|{string,...} opts.scope instead of the profile's scopes
-- @tparam[opt] string opts.claims a claims challenge, as in @{token}
-- @tparam[opt=60] number opts.timeout seconds for everything
-- @tparam[opt=false] boolean opts.refresh_token hand out the refresh token too
-- @treturn entra.token|nil
-- @treturn entra.errors code `no_refresh_token`, `refresh_token_refused` (expired or revoked: a person must sign
--   in again), or what the exchange met, as in @{token}
-- @usage
-- local me = assert(entra.profile("me"))
-- local token, err = me:refresh()
-- if not token and err.code == "refresh_token_refused" then
--   io.stderr:write("sign in again: ", err.hint, "\n")
-- end
function Profile:refresh(opts)
  return self[CLIENT]:refresh(opts)
end

--- Remove everything stored for this profile: tokens, refresh token, the app's secrets.
--
-- The profile itself stays. Entra has no revocation endpoint (RFC 7009): what was issued stays valid until it
-- expires.
--
-- @function forget
-- @treturn true|nil
-- @treturn entra.errors kind `store`
-- @usage
-- local me = assert(entra.profile("me"))
-- assert(me:forget())
-- assert(select(2, me:refresh()).code == "no_refresh_token")
function Profile:forget()
  return self[CLIENT]:forget()
end

--- The client behind a profile, for entra's own front ends.
-- @local
function profile.client_of(object)
  return object[CLIENT]
end

-- The certificate that a program gave; raises where it cannot be meant.
local function certificate_of(given)
  if given == nil then
    return nil
  end
  local algorithm = type(given) == "table" and (given.algorithm or "PS256")
  if not algorithm or not (given.path or given.pem) or (algorithm ~= "PS256" and algorithm ~= "RS256") then
    error("entra.profile: field 'certificate' needs 'path' or 'pem', and an algorithm of PS256 or RS256", 4)
  end
  return {
    given = true, mode = "reference", path = given.path, key_path = given.key_path,
    pem = given.pem and given.pem .. "\n" .. (given.key_pem or ""), password = given.password,
    algorithm = algorithm, send_chain = given.send_chain == true,
  }
end

local function need(spec, field)
  if type(spec[field]) ~= "string" or spec[field] == "" then
    error(("entra.profile: field '%s' is missing"):format(field), 4)
  end
  return spec[field]
end

--- A profile from a table, see `entra.profile`; its tokens live in memory, unless `env.store` keeps them.
-- In a store, profiles of different names share nothing. For the rest of `env` see `entra.client`.
-- @local
function profile.from_table(spec, env)
  local client_id = need(spec, "client_id")
  local certificate = certificate_of(spec.certificate)
  local tenant, err = authority.tenant(need(spec, "tenant_id"))
  if not tenant then
    return nil, err
  end
  local origin
  origin, err = authority.origin(spec.authority_host or authority.PUBLIC)
  if not origin then
    return nil, err
  end
  local flows
  if spec.flow then
    flows, err = flow.names(spec.flow)
    if not flows then
      return nil, err
    end
  end
  return wrap({
    id = spec.name and "inline." .. spec.name or "inline", name = spec.name or "(inline)",
    tenant = tenant, client_id = client_id, authority = origin,
    scopes = scopes.split(spec.scopes), flows = flows, redirect_uri = spec.redirect_uri,
    client_secret = spec.client_secret, certificate = certificate,
    federated = spec.federated_token_file and { token_file = spec.federated_token_file },
    auth_method = spec.client_secret and "client-secret" or certificate and "certificate"
      or spec.federated_token_file and "federated" or "none",
  }, env and env.store or require("entra.store.memory").new(), env)
end

--- A stored profile; `env`: see `entra.client`, and `getenv`.
-- @local
function profile.stored(name, env)
  local getenv = env and env.getenv
  local paths, err = require("entra.paths").find(getenv)
  if not paths then
    return nil, err
  end
  local profiles = require("entra.profiles")
  local document
  document, err = profiles.load(paths)
  if not document then
    return nil, err
  end
  local stored = profiles.find(document, name)
  if not stored then
    return nil, profiles.not_found(name)
  end
  local settings
  settings, err = profiles.settings(stored, getenv)
  if not settings then
    return nil, err
  end
  return wrap(settings, require("entra.store.sealed").new(paths.state), env)
end

return profile
