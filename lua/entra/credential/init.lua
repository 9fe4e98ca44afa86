--- How an app proves who it is, by the profile's `auth_method`.
-- @module entra.credential

local credential = {}

local MODULES = {
  ["client-secret"] = "entra.credential.secret",
}

--- The form fields to add to a token request; none for a public client, which must send none (AADSTS700025).
-- @tparam table store
-- @tparam table settings of the profile
-- @treturn {{string,string},...}|nil
-- @treturn entra.errors
function credential.form(store, settings)
  local module = MODULES[settings.auth_method]
  if not module then
    return {}
  end
  return require(module).form(store, settings)
end

return credential
