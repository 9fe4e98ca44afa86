--- A certificate as the app's credential (private_key_jwt, OIDC Core §9).
--
-- Mode `sealed`: files are read once, and key, chain and password are sealed
-- in the store. When the files change they are read again with the sealed
-- password; where that fails, what is sealed goes on as long as it is valid,
-- with a warning, and never longer. Mode `reference`: nothing but a password
-- is sealed, and the files are read when they are needed and have changed.
--
-- @module entra.credential.certificate

local assertion = require("entra.credential.assertion")
local authority = require("entra.authority")
local cache = require("entra.cache")
local certificate = require("entra.certificate")

local module = {}

-- Writing the record anew is a courtesy to the next process: not worth a long wait.
local LOCK_SECONDS = 2

-- What is open, by the settings it belongs to, so that a process opens it once per state of the files.
local OPEN = setmetatable({}, { __mode = "k" })

local PASSWORD = { certificate_password = true, certificate_password_needed = true }

local function remedy(settings)
  return ("entra-auth-cli config create --name %s --force --certificate FILE …"):format(settings.name)
end

local function body_of(settings, fields)
  fields.authority, fields.tenant, fields.client_id = settings.authority, settings.home_tenant or settings.tenant,
    settings.client_id
  return fields
end

--- Seal what a profile's mode keeps in the store.
-- @tparam table store
-- @tparam table settings
-- @tparam table open see `entra.certificate.open`
-- @tparam string|nil password
-- @tparam string|nil identity of the files, taken before they were read
-- @treturn true|nil
-- @treturn entra.errors
function module.save(store, settings, open, password, identity)
  local fields = { password = password }
  if settings.certificate.mode == "sealed" then
    local pem, message, code = open.handle:pem()
    if not pem then
      return nil, certificate.error(message, code)
    end
    fields.pem, fields.identity = pem, identity
  end
  if next(fields) == nil then
    return true
  end
  return store:write(cache.certificate_name(settings), body_of(settings, fields), { durable = true })
end

-- The record, if it is for this authority, tenant and app. A password that the program gave needs none.
local function stored(store, settings)
  local about = settings.certificate
  if about.given then
    return { password = about.password }
  end
  local body, err = store:read(cache.certificate_name(settings))
  if err then
    err.hint = err.broken and remedy(settings) or err.hint
    return nil, err
  end
  if body and (body.authority ~= settings.authority or body.tenant ~= (settings.home_tenant or settings.tenant)
    or body.client_id ~= settings.client_id) then
    err = certificate.error(("the certificate of profile '%s' was given for another authority, tenant or app")
      :format(settings.name), "binding")
    err.hint = remedy(settings)
    return nil, err
  end
  return body or {}
end

local function reseal(store, settings, open, password, identity, env)
  local name = cache.certificate_name(settings)
  local lock, err = store:lock(name, LOCK_SECONDS)
  local ok
  if lock then
    ok, err = module.save(store, settings, open, password, identity)
    lock:release()
  end
  env.log(ok and "the certificate's files changed: read and sealed anew"
    or "the renewed certificate is not sealed: " .. tostring(err))
end

-- Mode `sealed`. Files that are gone are files that did not change. The third result: it is the one before,
-- and the files are worth another look next time.
local function from_store(store, settings, body, identity, env)
  local old = body.pem and certificate.open { pem = body.pem }
  if old and (identity == nil or identity == body.identity) then
    return old
  end
  local now = env.clock.now()
  local fresh, err = certificate.open(settings.certificate, body.password)
  local fine, problem = nil, err
  if fresh then
    fine, problem = certificate.judge(fresh.facts, now)
  end
  if fine then
    reseal(store, settings, fresh, body.password, identity, env)
    return fresh
  end
  if old and certificate.judge(old.facts, now) then
    env.warn(("the certificate's file changed, but %s; the one before is used until %s"):format(problem.message,
      certificate.time(old.facts.not_after)))
    return old, nil, true
  end
  return fresh, err -- not valid: whoever wants to sign will see
end

local function open(store, settings, env)
  local about = settings.certificate
  local identity = certificate.identity(about)
  local known = OPEN[settings]
  if known and (identity == nil or known.identity == identity) then
    return known.open
  end
  local body, err = stored(store, settings)
  if not body then
    return nil, err
  end
  local found, is_old
  if about.mode == "sealed" then
    found, err, is_old = from_store(store, settings, body, identity, env)
  else
    found, err = certificate.open(about, body.password)
  end
  if found then
    OPEN[settings] = not is_old and { identity = identity, open = found } or nil
    return found
  end
  if PASSWORD[err.code] and not about.given then
    err.hint = remedy(settings) .. " --certificate-password-stdin"
  end
  return nil, err
end

--- What the profile's certificate says of itself, for people.
-- @tparam table store
-- @tparam table settings
-- @tparam table env `clock`, `log`, `warn`: an `entra.client`
-- @treturn table|nil facts, see `src/lcert.c`
-- @treturn entra.errors
function module.facts(store, settings, env)
  local found, err = open(store, settings, env)
  return found and found.facts, err
end

--- The form fields that prove who the app is; `one_time`, because an assertion is good for one request.
-- @tparam table store
-- @tparam table settings
-- @tparam table env `clock`, `log`, `warn`: an `entra.client`
-- @treturn {{string,string},...}|nil
-- @treturn entra.errors kind `credential` or `store`
function module.form(store, settings, env)
  local found, err = open(store, settings, env)
  if not found then
    return nil, err
  end
  local now = env.clock.now()
  local fine, word = certificate.judge(found.facts, now)
  if not fine then
    return nil, word
  end
  if word then
    env.warn(word)
  end
  local about = settings.certificate
  local text
  text, err = assertion.mint(found, {
    audience = authority.endpoint(settings.authority, settings.tenant, "token"), client_id = settings.client_id,
    algorithm = about.algorithm, send_chain = about.send_chain,
  }, now)
  if not text then
    return nil, err
  end
  return { { "client_assertion_type", assertion.TYPE }, { "client_assertion", text }, one_time = true }
end

return module
