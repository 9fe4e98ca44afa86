--- The device authorization grant (RFC 8628): the person signs in on whatever has a browser.
-- @module entra.grant.device_code

local errors = require("entra.errors")
local id_token = require("entra.id_token")
local scopes = require("entra.scopes")

local device_code = {}

local GRANT = "urn:ietf:params:oauth:grant-type:device_code"
local INTERVAL = 5 -- seconds, RFC 8628 §3.2, where the server names none
local LEAST_INTERVAL = 1

--- Longest wait for the person, in seconds, where the caller set no deadline.
device_code.PATIENCE = 900

-- What the token endpoint says while nothing is wrong yet, or not for good (RFC 8628 §3.5):
-- how the pause between polls changes.
local PATIENT = {
  authorization_pending = function(pause) return pause end,
  slow_down = function(pause) return pause + 5 end,
}
local TRANSIENT = { network = true, timeout = true }

local FINAL = {
  authorization_declined = { "the sign-in was declined", "run the command again to start over" },
  access_denied = { "the sign-in was declined", "run the command again to start over" },
  expired_token = { "the code expired before anybody signed in", "run the command again for a new code" },
  code_expired = { "the code expired before anybody signed in", "run the command again for a new code" },
}
local EXPIRED_AADSTS = { [70019] = true, [70020] = true }

local function final(err)
  local words = FINAL[err.code] or EXPIRED_AADSTS[err.aadsts] and FINAL.expired_token
  if words then
    err.message, err.hint = words[1], words[2]
  end
  return nil, err
end

-- Wait, telling whoever watches what remains, second by second.
local function pause(way, seconds, expires)
  local clock = way.clock
  local wake_at = clock.monotonic() + seconds
  while true do
    local now = clock.monotonic()
    if now >= wake_at then
      return true
    end
    way.on_wait(math.max(0, expires - now))
    local ok, err = clock.wait(math.min(1, wake_at - now))
    if not ok then
      return nil, err
    end
  end
end

local function form_of(way, device)
  -- Anew for each poll: an assertion is good for one request, and for less time than a person may take.
  return way.form { { "grant_type", GRANT }, { "client_id", way.settings.client_id },
    { "device_code", device.device_code }, { "client_info", "1" } }
end

local function poll(way, device)
  local clock = way.clock
  local expires = clock.monotonic() + device.expires_in
  -- A server that says 0 is not asked without a pause.
  local interval = math.max(LEAST_INTERVAL, device.interval or INTERVAL)
  while true do
    local left = math.min(expires, way.deadline) - clock.monotonic()
    local ok, err = pause(way, math.max(0, math.min(interval, left)), math.min(expires, way.deadline))
    if not ok then
      return nil, err
    end
    if clock.monotonic() >= expires then
      return final(errors.new("interaction", "expired", { code = "expired_token" }))
    end
    if clock.monotonic() >= way.deadline then
      return nil, errors.new("timeout", "timed out waiting for the sign-in", { code = "timeout",
        hint = "run the command again, or allow more time with --timeout" })
    end
    local form, reply
    form, err = form_of(way, device)
    if not form then
      return nil, err
    end
    reply, err = way.post { form = form, repeatable = false, retry = false }
    if reply then
      return reply
    elseif PATIENT[err.code] then
      interval = PATIENT[err.code](interval)
    elseif TRANSIENT[err.kind] then
      -- The code stays valid while the network is away (RFC 8628 §3.5: back off, go on).
      interval = math.max(interval, err.retry_after or 0, math.min(interval * 2, 60))
    else
      return final(err)
    end
  end
end

--- Sign a person in.
-- @tparam table way see `entra.grant.client_credentials.run`; and `clock`, `deadline` (monotonic seconds),
--   `on_prompt(prompt)` or nil, `on_wait(seconds_left)`
-- @treturn table|nil the token reply
-- @treturn entra.errors
function device_code.run(way)
  if not way.on_prompt then
    return nil, errors.new("interaction", ("profile '%s' needs a person to sign in"):format(way.settings.name), {
      code = "interaction_required",
      hint = ("entra-auth-cli get-token --profile %s --flow device-code"):format(way.settings.name) })
  end
  -- A credential that cannot be used is told before the person is sent anywhere.
  local usable, err = way.form {}
  if not usable then
    return nil, err
  end
  local device
  device, err = way.post {
    endpoint = "device_code", expect = "device_code", repeatable = true,
    form = { { "client_id", way.settings.client_id },
      { "scope", table.concat(scopes.for_user(way.scopes), " ") }, way.claims and { "claims", way.claims } },
  }
  if not device then
    return nil, err
  end
  -- The person is going to open it: nothing but a page that can be trusted to be the one it says.
  if not device.verification_uri:match("^https://[%w%[]") then
    return nil, errors.new("network", "the server named a page for the sign-in that is not https", { code = "garbled" })
  end
  way.on_prompt {
    flow = "device-code", user_code = device.user_code, verification_uri = device.verification_uri,
    message = device.message, expires_in = device.expires_in, client_id = way.settings.client_id,
    tenant = way.settings.tenant,
  }
  local reply
  reply, err = poll(way, device)
  if not reply then
    return nil, err
  end
  reply.account, err = id_token.account(reply, { client_id = way.settings.client_id,
    authority = way.settings.authority, tenant = way.settings.tenant, now = way.clock.now() })
  if not reply.account then
    return nil, err
  end
  return reply
end

return device_code
