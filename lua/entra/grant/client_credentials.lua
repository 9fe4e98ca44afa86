--- The client credentials grant (RFC 6749 §4.4): a token for the app itself, never with a refresh token.
-- @module entra.grant.client_credentials

local authority = require("entra.authority")
local errors = require("entra.errors")

local client_credentials = {}

-- Failures after which the same question may be asked again, the server having heard it or not.
local LOST = { transfer = true, server = true }
local PAUSE = 1 -- second
-- "The assertion is outside its valid time range." Numbers may change: this one only decides whether a proof
-- that is another one by now is tried, once.
local OUT_OF_TIME = 700024

-- How long to wait before asking once more with a new proof; nil: not at all.
local function again_after(err, proof)
  -- A proof for one request cannot be repeated by the transport: the repetition has a proof of its own.
  if proof.one_time and LOST[err.code] and not err.retry_after then
    return PAUSE
  end
  return err.code == "invalid_client" and err.aadsts == OUT_OF_TIME and 0 or nil
end

local function form_of(way)
  return way.form { { "grant_type", "client_credentials" }, { "client_id", way.settings.client_id },
    { "scope", table.concat(way.scopes, " ") } }
end

local function ask(way, form, proof)
  return way.post { form = form, repeatable = not proof.one_time }
end

local function is_other(proof, before)
  return proof[2] ~= nil and proof[2][2] ~= before[2][2]
end

--- Obtain a token.
-- @tparam table way what the client hands to every grant: see `entra.way`: `settings`, `scopes`,
--   `form(fields)`, `post(request)`,
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
        hint = "create the profile with --client-secret-file, --certificate or --federated-token-file FILE" })
  end
  local form, proof = form_of(way)
  if not form then
    return nil, proof
  end
  local reply, err = ask(way, form, proof)
  local pause = err and again_after(err, proof)
  if reply or not pause or way.clock.monotonic() + pause >= way.deadline then
    return reply, err
  end
  local ok, cancelled = way.clock.wait(pause)
  if not ok then
    return nil, cancelled
  end
  local again, other = form_of(way)
  if not again then
    return nil, other
  end
  if is_other(other, proof) then
    return ask(way, again, other)
  end
  return nil, err
end

return client_credentials
