--- The JSON Web Token with which an app proves that it holds a key (RFC 7523 §2.2, as Entra wants it).
-- @module entra.credential.assertion

local core = require("entra.core")
local errors = require("entra.errors")
local json = require("entra.json")

local assertion = {}

--- `client_assertion_type` (RFC 7523 §2.2).
assertion.TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

-- Seconds; Entra asks for five to ten minutes.
local LIFE = 600
local JTI_BYTES = 16

-- How the header names the certificate, by algorithm (RFC 7515 §4.1.7, §4.1.8).
local THUMBPRINT = { PS256 = { "x5t#S256", "sha256" }, RS256 = { "x5t", "sha1" } }

-- `x5c` wants base64 as MIME has it (RFC 7515 §4.1.6).
local function base64(bytes)
  local text = core.base64url_encode(bytes):gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
  return text .. ("="):rep(-#text % 4)
end

local function header_of(open, about)
  local name, digest = THUMBPRINT[about.algorithm][1], open.facts[THUMBPRINT[about.algorithm][2]]
  local members = { { "alg", about.algorithm }, { "typ", "JWT" }, { name, core.base64url_encode(digest) } }
  if about.send_chain then
    local chain = {}
    for i, der in ipairs(open.handle:chain()) do
      chain[i] = base64(der)
    end
    members[4] = { "x5c", chain }
  end
  return json.ordered(members)
end

--- Make an assertion; each is good for one request.
-- @tparam table open see `entra.certificate.open`
-- @tparam table about `audience` (the token endpoint), `client_id`, `algorithm` (`PS256` or `RS256`),
--   `send_chain` (the certificates too, as `x5c`)
-- @tparam number now seconds since 1970
-- @treturn string|nil
-- @treturn entra.errors kind `credential` or `crypto`
function assertion.mint(open, about, now)
  local jti, message, code = require("entra.crypto").random(JTI_BYTES)
  if not jti then
    return nil, errors.new("crypto", message, { code = code })
  end
  now = math.floor(now)
  local claims = json.ordered {
    { "aud", about.audience }, { "iss", about.client_id }, { "sub", about.client_id },
    { "jti", core.base64url_encode(jti) }, { "nbf", now }, { "iat", now }, { "exp", now + LIFE },
  }
  local text = core.base64url_encode(header_of(open, about)) .. "." .. core.base64url_encode(claims)
  local signature
  signature, message, code = open.handle:sign(about.algorithm, text)
  if not signature then
    return nil, errors.new("credential", message, { code = code,
      hint = "check the key's device, or try another assertionAlgorithm" })
  end
  return text .. "." .. core.base64url_encode(signature)
end

return assertion
