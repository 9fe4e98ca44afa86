--- Microsoft Entra ID access tokens for Lua: obtained, refreshed, cached and sealed.
--
-- What these pages say is the public API; it follows Semantic Versioning. Modules without a page are entra's own.
--
-- Failures at run time are returned as `nil, err` with an @{entra.errors} value; only a programmer's mistake
-- raises. Nothing is printed, and nobody is asked unless a function for that is passed.
--
-- @module entra
-- @usage
-- local entra = require("entra")
-- local p = assert(entra.profile("production"))
-- local token = assert(p:token())
-- print("Authorization: Bearer " .. token.access_token)

local entra = {
  --- The version, a string (Semantic Versioning).
  VERSION = require("entra.version"),
}

--- A profile: stored, by name, or made from a table. No network is used before a token is asked for.
--
-- A stored profile is one of `entra-auth-cli config create`: its tokens are in the user's sealed store, shared
-- with the command line and every other process. The tokens of a profile from a table stay in its memory, and
-- end with it.
--
-- The fields of a table; the first two are needed:
--
-- `tenant_id`: a GUID or a domain. `client_id`: the app's GUID.
--
-- `client_secret`, `certificate` or `federated_token_file`: one of them makes it a confidential client (RFC 6749
-- §2.1), which signs in as itself. A `certificate` is a table: `path` (PFX, PEM or an OpenSSL store URI) and, where
-- the key is elsewhere, `key_path`; or `pem` and `key_pem`, texts; `password`; `algorithm`, `PS256` or `RS256`;
-- `send_chain`, a boolean. A federated token file holds another identity provider's token (RFC 7523 §2.2). Files
-- are read again for each exchange, or when they change.
--
-- `scopes`: a string with spaces or commas, or an array; by default all that the app was granted on Microsoft Graph.
-- `flow`: as in @{entra.profile:token}; by default what the credentials allow. `redirect_uri`: where the browser
-- comes back to; `http://localhost` by default (RFC 8252 §7.3). `authority_host`: an https origin; Microsoft's
-- public cloud by default. `name`: for messages.
--
-- @tparam string|table profile a stored profile's name, or a table
-- @treturn entra.profile|nil
-- @treturn entra.errors kind `config`: code `profile_not_found` where there is none of that name, `tenant`,
--   `authority`, `no_home`, `profiles_broken` and others; kind `usage` for a flow that does not exist
-- @raise where the argument is neither, or a needed field is missing
-- @usage
-- local p, err = entra.profile("production")
-- if not p then
--   error(err:line())
-- end
--
-- local app = assert(entra.profile {
--   tenant_id = "contoso.onmicrosoft.com",
--   client_id = "12345678-1234-1234-1234-123456789abc",
--   client_secret = os.getenv("APP_SECRET"),
--   scopes = "https://vault.azure.net/.default",
-- })
-- assert(app:token().expires_on > os.time())
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
