--- The client credentials grant (RFC 6749 §4.4): a token for the app itself, never with a refresh token.
-- @module entra.grant.client_credentials

local authority = require("entra.authority")
local errors = require("entra.errors")
local scopes = require("entra.scopes")

local client_credentials = {}

--- The scopes to send.
function client_credentials.scopes(asked)
  return scopes.for_app(asked)
end

-- Failures after which the same question may be asked again, the server having heard it or not.
local AGAIN = { transfer = true, server = true }
local PAUSE = 1 -- second

local function ask(way)
  local proof, err = way.credential()
  if not proof then
    return nil, err
  end
  local form = { { "grant_type", "client_credentials" }, { "client_id", way.settings.client_id },
    { "scope", table.concat(way.scopes, " ") }, proof[1], proof[2] }
  local reply
  reply, err = way.post { form = form, repeatable = not proof.one_time }
  -- A proof for one request cannot be repeated by the transport: the repetition has a proof of its own.
  if reply or not (proof.one_time and AGAIN[err.code] and not err.retry_after)
    or way.clock.monotonic() + PAUSE >= way.deadline then
    return reply, err
  end
  return nil, err, true
end

--- Obtain a token.
-- @tparam table way what the client hands to every grant: `settings`, `scopes`, `credential()`, `post(request)`,
--   `clock`, `deadline` (monotonic seconds)
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
      :format(settings.name), { code = "no_credential",
        hint = "create the profile with --client-secret-file FILE or --certificate FILE" })
  end
  local reply, err, again = ask(way)
  if again then
    local ok
    ok, err = way.clock.wait(PAUSE)
    if not ok then
      return nil, err
    end
    reply, err = ask(way)
  end
  return reply, err
end

return client_credentials
