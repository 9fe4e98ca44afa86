--- A token as programs hold it: values to read, and no way to print the secret by accident.
--
-- @module entra.token
-- @field access_token the bearer token itself; opaque (RFC 6749 §1.4)
-- @field token_type `Bearer`
-- @field expires_on seconds since 1970 UTC
-- @field refresh_on from when on a new one should be fetched, or nil
-- @field scopes what was granted, an array
-- @field refresh_token for people's tokens, where the caller is entitled to it, or nil
-- @field from_cache whether no exchange was needed

local token = {}

local Token = { __name = "entra.token" }
Token.__index = Token

function Token:__tostring() -- luacheck: ignore self
  return "entra.token(redacted)"
end

--- Seconds until it expires; negative afterwards.
-- @tparam[opt] number now seconds since 1970; the clock's by default
-- @treturn number
-- @usage
-- print(math.floor(token:expires_in() / 60) .. " minutes")
function Token:expires_in(now)
  return self.expires_on - (now or require("entra.core").now())
end

--- The claims, decoded and NOT verified: for people and logs, never for decisions.
-- @treturn table|nil
-- @treturn entra.errors kind `usage` where the token is not a JWT
-- @usage
-- local claims = token:claims()
-- print(claims and (claims.upn or claims.appid))
function Token:claims()
  local decoded, err = require("entra.jwt").decode(self.access_token)
  if not decoded then
    return nil, err
  end
  return decoded.claims
end

--- Make a token object; `fields` is taken over.
function token.new(fields)
  return setmetatable(fields, Token)
end

return token
