--- Looking into a JWT without believing it (RFC 7519); nothing here checks a signature.
-- @module entra.jwt

local core = require("entra.core")
local errors = require("entra.errors")
local json = require("entra.json")

local jwt = {}

local SIZE_MAX = 1024 * 1024

local function not_a_jwt(message, hint)
  return nil, errors.new("usage", message, { code = "token_format", hint = hint })
end

-- Entra's own words: a token is opaque to its client. So these are explained, not called broken.
local function explain(text)
  local _, dots = text:gsub("%.", "")
  if dots == 4 then
    return not_a_jwt("this token is encrypted (JWE): only the API it is for can read it")
  end
  if dots == 0 then
    return not_a_jwt("this token is opaque: only the API it is for can read it")
  end
  return not_a_jwt("invalid token format: a JWT has three parts separated by dots")
end

--- Take a token apart.
-- @tparam string text `Bearer ` in front and white space around it are tolerated
-- @treturn table|nil `header`, `claims` (tables), `signature` (base64url text)
-- @treturn entra.errors kind `usage`, code `token_format`
function jwt.decode(text)
  text = text:gsub("^%s+", ""):gsub("%s+$", ""):gsub("^[Bb][Ee][Aa][Rr][Ee][Rr]%s+", "")
  if text == "" then
    return not_a_jwt("invalid token format: the token is empty")
  end
  if #text > SIZE_MAX then
    return not_a_jwt("invalid token format: longer than any token (1 MiB)")
  end
  local header, payload, signature = core.jwt_split(text)
  if not header then
    if signature == "parts" then
      return explain(text)
    end
    return not_a_jwt("invalid token format: " .. payload)
  end
  local head, claims = json.read(header), json.read(payload)
  if type(head) ~= "table" or type(claims) ~= "table" or header:match("^%s*%[") or payload:match("^%s*%[") then
    return not_a_jwt("invalid token format: header and claims must be JSON objects")
  end
  return { header = head, claims = claims, signature = signature }
end

return jwt
