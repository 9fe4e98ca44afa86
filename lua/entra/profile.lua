--- A profile as programs use it: who signs in where, and its tokens.
--
-- A profile from a table keeps its tokens in memory; a stored one shares the
-- user's sealed store with `entra-auth-cli` and every other process.
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

--- A valid access token: from the cache, else by refresh token, else by the profile's flow.
-- @tparam[opt] table opts
-- @tparam[opt] string|{string,...} opts.scope instead of the profile's scopes
-- @tparam[opt] string opts.flow how to obtain it: `client-credentials`, `interactive`, `device-code`,
--   `authorization-code`; for a person also several, tried in turn: `interactive,device-code`
-- @tparam[opt] string opts.claims a claims challenge (a JSON object, decoded): the cached token is not used
-- @tparam[opt] boolean opts.force skip the cached access token; together with `flow` sign in anew
-- @tparam[opt] boolean opts.no_cache do not store the access token
-- @tparam[opt] boolean opts.cached_only never use the network (never blocks)
-- @tparam[opt] number opts.timeout seconds for everything; 60, and 900 where a person signs in
-- @tparam[opt] function opts.on_prompt as in `sign_in`; without it a flow that needs a person fails with kind
--   `interaction`
-- @treturn entra.token|nil
-- @treturn entra.errors
-- @usage
-- local token, err = p:token { scope = "https://vault.azure.net/.default", timeout = 20 }
-- if not token then
--   io.stderr:write(tostring(err), "\n", err.hint or "", "\n")
-- end
-- @usage
-- -- In an event loop: what is cached, at once, or nil; another process keeps it fresh.
-- local token = p:token { cached_only = true }
function Profile:token(opts)
  return self[CLIENT]:acquire(opts)
end

--- Sign a person in now, whatever is stored; blocks until they did, at most 15 minutes unless told otherwise.
-- Nothing is printed: the caller shows what `on_prompt` is handed.
-- @tparam table opts as in `token`, and
-- @tparam function opts.on_prompt called once with a table. `flow` is `device-code`: `user_code`,
--   `verification_uri`, `message`, `expires_in` (RFC 8628 §3.2). Else: `url` (the page to open), `opened` (whether a
--   browser was started), `redirect_uri`, `expires_in` (seconds)
-- @tparam[opt] function opts.on_wait device code: called about every second with the seconds left
-- @tparam[opt] function|boolean opts.open_browser `open_browser(url)` → true, or nil and an error; false for none;
--   the desktop's browser by default
-- @tparam[opt] string opts.redirect_uri instead of the profile's; `http://localhost` by default (RFC 8252 §7.3)
-- @tparam[opt] number opts.port for the loopback redirect; any free one by default
-- @tparam[opt] string opts.login_hint the account to begin with, such as `ada@contoso.com`
-- @treturn entra.token|nil
-- @treturn entra.errors kind `interaction`, `oauth`, `timeout`, `network`, …
-- @usage
-- local token, err = p:sign_in {
--   flow = "device-code",
--   on_prompt = function(prompt) print(prompt.verification_uri, prompt.user_code) end,
-- }
function Profile:sign_in(opts)
  return self[CLIENT]:sign_in(opts)
end

--- A new access token from the stored refresh token, always over the network (RFC 6749 §6).
-- @tparam[opt] table opts `scope`, `timeout` as above
-- @treturn entra.token|nil
-- @treturn entra.errors code `no_refresh_token`, `refresh_token_refused`, or what the exchange met
-- @usage
-- local token, err = p:refresh()
-- if not token and err.code == "refresh_token_refused" then
--   io.stderr:write("sign in again: ", err.hint, "\n")
-- end
function Profile:refresh(opts)
  return self[CLIENT]:refresh(opts)
end

--- Remove everything stored for this profile: tokens, refresh token, client secret.
-- Entra has no revocation endpoint (RFC 7009): what was issued stays valid until it expires.
-- @treturn true|nil
-- @treturn entra.errors
-- @usage
-- assert(p:forget())
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

--- A profile from a table; its tokens live in memory, unless `env.store` keeps them.
-- @tparam table spec
-- @tparam string spec.tenant_id GUID or domain
-- @tparam string spec.client_id the app's id
-- @tparam[opt] string spec.client_secret makes it a confidential client
-- @tparam[opt] table spec.certificate so does this: `path` (PFX, PEM or an OpenSSL store URI) and, where the key
--   is elsewhere, `key_path`; or `pem` and `key_pem`, texts; `password`; `algorithm` (`PS256`, or `RS256`);
--   `send_chain`. Files are read again when they change.
-- @tparam[opt] string spec.federated_token_file and this: where another identity provider's token is, read for
--   each exchange (workload identity federation)
-- @tparam[opt] string|{string,...} spec.scopes
-- @tparam[opt] string spec.flow as in `token`
-- @tparam[opt] string spec.redirect_uri where the browser comes back to; `http://localhost` by default
-- @tparam[opt] string spec.authority_host an https origin; Microsoft's public cloud by default
-- @tparam[opt] string spec.name for messages; in a store, profiles of different names share nothing
-- @tparam[opt] table env see `entra.client`; and `store`
-- @treturn entra.profile|nil
-- @treturn entra.errors kind `config` or `usage` for a value that cannot be; a missing field raises
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

--- A stored profile.
-- @tparam string name
-- @tparam[opt] table env see `entra.client`; and `getenv`
-- @treturn entra.profile|nil
-- @treturn entra.errors kind `config`, code `profile_not_found` where there is none
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
