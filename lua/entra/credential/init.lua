--- How an app proves who it is, by the profile's `auth_method`.
-- @module entra.credential

local credential = {}

local MODULES = {
  ["client-secret"] = "entra.credential.secret",
  certificate = "entra.credential.certificate",
  federated = "entra.credential.federated",
}

--- The form fields to add to a token request; none for a public client, which must send none (AADSTS700025).
-- @tparam table store
-- @tparam table settings of the profile
-- @tparam table env `clock`, `log`, `warn`: an `entra.client`
-- @treturn {{string,string},...}|nil at most two; `one_time` where each is good for one request
-- @treturn entra.errors
function credential.form(store, settings, env)
  local module = MODULES[settings.auth_method]
  if not module then
    return {}
  end
  return require(module).form(store, settings, env)
end

return credential
