--- The client credentials grant (RFC 6749 §4.4): a token for the app itself, never with a refresh token.
-- @module entra.grant.client_credentials

local authority = require("entra.authority")
local errors = require("entra.errors")

local client_credentials = {}

--- Obtain a token.
-- @tparam table way what the client hands to every grant: see `entra.way`: `settings`, `scopes`,
--   `form(fields)`, `post(request)`
-- @treturn table|nil the token reply
-- @treturn entra.errors
function client_credentials.run(way)
  local settings = way.settings
  if not authority.is_concrete(settings.tenant) then
    return nil, errors.new("config", ("an app signs in to one tenant, and '%s' is not one"):format(settings.tenant), {
      code = "tenant", hint = "give the profile a tenant id or domain" })
  end
  if settings.auth_method == "none" then
    return nil, errors.new("credential", ("profile '%s' has no credential for client-credentials")
      :format(settings.name), { code = "no_credential", hint = "create the profile with --client-secret-file FILE" })
  end
  local form, err = way.form { { "grant_type", "client_credentials" }, { "client_id", settings.client_id },
    { "scope", table.concat(way.scopes, " ") } }
  if not form then
    return nil, err
  end
  return way.post { form = form, repeatable = true }
end

return client_credentials
