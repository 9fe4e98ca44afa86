--- The authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636, RFC 8252): the person signs in in a browser.
-- @module entra.grant.authorization_code

local authority = require("entra.authority")
local errors = require("entra.errors")
local exchange = require("entra.exchange")
local id_token = require("entra.id_token")
local redirect = require("entra.redirect")
local scopes = require("entra.scopes")

local authorization_code = {}

--- Longest wait for the person, in seconds, where the caller set no deadline.
authorization_code.PATIENCE = 900

-- 256 random bits, as 43 characters that need no encoding anywhere.
local function random()
  return require("entra.core").base64url_encode(require("entra.crypto").random(32))
end

local function challenge_of(verifier)
  return require("entra.core").base64url_encode(require("entra.crypto").sha256(verifier))
end

-- Where to send the browser.
local function page(way, asked, uri)
  local parameters = {
    { "client_id", way.settings.client_id }, { "response_type", "code" }, { "redirect_uri", uri },
    { "response_mode", "query" }, { "scope", table.concat(scopes.for_user(way.scopes), " ") },
    { "state", asked.state }, { "nonce", asked.nonce }, { "code_challenge", challenge_of(asked.verifier) },
    { "code_challenge_method", "S256" }, { "client_info", "1" },
  }
  -- Entra takes one of the two: a name, or the question which account.
  parameters[#parameters + 1] = way.login_hint and { "login_hint", way.login_hint } or { "prompt", "select_account" }
  if way.claims then
    parameters[#parameters + 1] = { "claims", way.claims }
  end
  return authority.authorize_url(way.settings.authority, way.settings.tenant, parameters)
end

-- Open the browser, and tell the person. Nobody to tell and nothing to open: no way to sign in.
local function reach(way, url, came_back)
  local opened, problem
  if way.open_browser then
    opened, problem = way.open_browser(url)
  end
  if not opened and way.open_browser and not way.input then
    return nil, errors.new("interaction", "no browser could be opened" .. (problem and ": " .. problem.message or ""), {
      code = "no_browser",
      hint = ("entra-auth-cli get-token --profile %s --flow device-code --force"):format(way.settings.name) })
  end
  way.on_prompt {
    flow = way.flow, url = url, redirect_uri = came_back.uri, opened = opened or false,
    can_paste = came_back:takes_input(opened), expires_in = way.deadline - way.clock.monotonic(),
    client_id = way.settings.client_id, tenant = way.settings.tenant,
  }
  return true, opened
end

-- Codes are for one use: what was sent may be spent, so it is never sent again.
local function redeem(way, asked, code, uri)
  local form, err = way.form {
    { "grant_type", "authorization_code" }, { "client_id", way.settings.client_id }, { "code", code },
    { "redirect_uri", uri }, { "code_verifier", asked.verifier },
    { "scope", table.concat(scopes.for_user(way.scopes), " ") }, { "client_info", "1" },
  }
  if not form then
    return nil, err
  end
  local reply
  reply, err = way.post { form = form, repeatable = false, retry = false }
  if not reply then
    if err.kind == "network" or err.kind == "timeout" then
      err.hint = "the sign-in's code may be spent: run the command again"
    end
    return nil, err
  end
  return reply
end

local function answer(way, asked, came_back)
  local url = page(way, asked, came_back.uri)
  local ok, opened = reach(way, url, came_back)
  if not ok then
    return nil, opened
  end
  local found, err = came_back:wait(asked.state, way.deadline, opened)
  if not found then
    return nil, err
  elseif found.error then
    return nil, exchange.refusal(way.settings, url:match("^https://([^/]+)"), found)
  elseif found.iss and found.iss:sub(1, #way.settings.authority + 1) ~= way.settings.authority .. "/" then
    -- RFC 9207: an answer of somebody else's.
    return nil, errors.new("oauth", "the answer came from another authority", { code = "issuer",
      hint = "nothing was sent there; run the command again" })
  end
  return found
end

--- Sign a person in.
-- @tparam table way see `entra.grant.device_code.run`; and `flow`, `open_browser(url)` or nil, `input` (see
--   `entra.redirect.open`) or nil, `redirect_uri`, `port`, `login_hint`, `claims`
-- @treturn table|nil the token reply, with `account`
-- @treturn entra.errors
function authorization_code.run(way)
  local settings = way.settings
  if not way.on_prompt then
    return nil, errors.new("interaction", ("profile '%s' needs a person to sign in"):format(settings.name), {
      code = "interaction_required",
      hint = ("entra-auth-cli get-token --profile %s --flow %s"):format(settings.name, way.flow) })
  end
  local asked = { state = random(), nonce = random(), verifier = random() }
  local came_back, err = redirect.open(way)
  if not came_back then
    return nil, err
  end
  local done, found, problem = pcall(answer, way, asked, came_back)
  came_back:close()
  if not done then
    error(found, 0)
  elseif not found then
    return nil, problem
  end
  -- The person is gone; what is left is an exchange like any other.
  way.deadline = math.max(way.deadline, way.clock.monotonic() + 60)
  local reply
  reply, err = redeem(way, asked, found.code, came_back.uri)
  if not reply then
    return nil, err
  end
  reply.account, err = id_token.account(reply, { client_id = settings.client_id, authority = settings.authority,
    tenant = settings.tenant, nonce = asked.nonce, now = way.clock.now() })
  if not reply.account then
    return nil, err
  end
  return reply
end

return authorization_code
