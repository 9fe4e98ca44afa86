--- A profile as programs use it: who signs in where, and its tokens.
--
--     local entra = require("entra")
--     local p = assert(entra.profile("production"))
--     local token, err = p:token()
--     if not token then error(tostring(err)) end
--     print(token:expires_in())
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
-- @tparam[opt] string opts.flow how to obtain it: `client-credentials`, `device-code`
-- @tparam[opt] boolean opts.force skip the cached access token; together with `flow` sign in anew
-- @tparam[opt] boolean opts.no_cache do not store the access token
-- @tparam[opt] boolean opts.cached_only never use the network (never blocks)
-- @tparam[opt] number opts.timeout seconds for everything; 60, and 900 where a person signs in
-- @tparam[opt] function opts.on_prompt device code: called with `user_code`, `verification_uri`, `message`,
--   `expires_in` (RFC 8628 §3.2); without it a flow that needs a person fails with kind `interaction`
-- @tparam[opt] function opts.on_wait device code: called about every second with the seconds left
-- @treturn entra.token|nil
-- @treturn entra.errors
function Profile:token(opts)
  return self[CLIENT]:acquire(opts)
end

--- A new access token from the stored refresh token, always over the network (RFC 6749 §6).
-- @tparam[opt] table opts `scope`, `timeout` as above
-- @treturn entra.token|nil
-- @treturn entra.errors code `no_refresh_token`, `refresh_token_refused`, or what the exchange met
function Profile:refresh(opts)
  return self[CLIENT]:refresh(opts)
end

--- Remove everything stored for this profile: tokens, refresh token, client secret.
-- Entra has no revocation endpoint (RFC 7009): what was issued stays valid until it expires.
-- @treturn true|nil
-- @treturn entra.errors
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

--- A profile from a table; its tokens live in memory.
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
-- @tparam[opt] string spec.flow
-- @tparam[opt] string spec.authority_host an https origin; Microsoft's public cloud by default
-- @tparam[opt] string spec.name for messages
-- @tparam[opt] table env see `entra.client`
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
  local name
  if spec.flow then
    name, err = flow.name(spec.flow)
    if not name then
      return nil, err
    end
  end
  return wrap({
    id = "inline", name = spec.name or "(inline)", tenant = tenant, client_id = client_id, authority = origin,
    scopes = scopes.split(spec.scopes), flow = name, client_secret = spec.client_secret,
    certificate = certificate,
    federated = spec.federated_token_file and { token_file = spec.federated_token_file },
    auth_method = spec.client_secret and "client-secret" or certificate and "certificate"
      or spec.federated_token_file and "federated" or "none",
  }, require("entra.store.memory").new(), env)
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
