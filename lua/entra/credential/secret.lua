--- A client secret as the app's credential (RFC 6749 §2.3.1, in the body as Entra prefers it).
-- @module entra.credential.secret

local cache = require("entra.cache")
local errors = require("entra.errors")

local secret = {}

--- Seal a profile's secret, bound to the authority and app it was given for.
-- @tparam table store
-- @tparam table settings
-- @tparam string value
function secret.save(store, settings, value)
  return store:write(cache.secret_name(settings), {
    client_secret = value, authority = settings.authority, tenant = settings.tenant, client_id = settings.client_id,
  }, { durable = true })
end

local function remedy(settings)
  return ("entra-auth-cli config create --name %s --force --client-secret-file FILE …"):format(settings.name)
end

local function again(settings, message, code)
  return nil, errors.new("credential", message, { code = code, hint = remedy(settings) })
end

--- The form fields that prove who the app is.
-- @treturn {{string,string},...}|nil
-- @treturn entra.errors kind `credential` or `store`
function secret.form(store, settings)
  if settings.client_secret then
    return { { "client_secret", settings.client_secret } }
  end
  local body, err = store:read(cache.secret_name(settings))
  if err then
    err.hint = err.broken and remedy(settings) or err.hint
    return nil, err
  end
  if not body then
    return again(settings, ("profile '%s' has no client secret"):format(settings.name), "no_secret")
  end
  if body.authority ~= settings.authority or body.tenant ~= (settings.home_tenant or settings.tenant)
    or body.client_id ~= settings.client_id then
    return again(settings, ("the client secret of profile '%s' was given for another authority, tenant or app")
      :format(settings.name), "secret_binding")
  end
  return { { "client_secret", body.client_secret } }
end

return secret
