--- Microsoft Entra ID access tokens for Lua: obtained, refreshed, cached and sealed.
--
-- @module entra
-- @usage
-- local entra = require("entra")
-- local p = assert(entra.profile("production"))
-- local token, err = p:token()

local entra = {
  --- The version, a string (Semantic Versioning).
  VERSION = require("entra.version"),
}

--- A profile: stored, by name, or made from a table.
-- @tparam string|table profile the name of a stored profile (`entra-auth-cli config list`), or a table with
--   `tenant_id`, `client_id` and optionally `client_secret`, `certificate`, `scopes`, `flow`, `authority_host`
-- @treturn entra.profile|nil
-- @treturn entra.errors kind `config`, code `profile_not_found` where there is none of that name
-- @usage
-- local p = assert(entra.profile {
--   tenant_id = "contoso.onmicrosoft.com", client_id = "12345678-1234-1234-1234-123456789abc",
--   client_secret = os.getenv("APP_SECRET"),
-- })
function entra.profile(profile)
  if type(profile) == "string" then
    return require("entra.profile").stored(profile)
  end
  if type(profile) ~= "table" then
    error("entra.profile: a name or a table is expected", 2)
  end
  return require("entra.profile").from_table(profile)
end

return entra
