--- A token as programs hold it: values to read, and no way to print the secret by accident.
--
-- `tostring(token)` is `entra.token(redacted)`. The fields are copies: nobody else sees what a program does to them.
--
-- @module entra.token

local token = {}

local Token = { __name = "entra.token" }
Token.__index = Token

function Token:__tostring() -- luacheck: ignore self
  return "entra.token(redacted)"
end

--- A token of @{entra.profile}.
-- @table fields
-- @tfield string access_token the bearer token itself; opaque to whoever asked for it (RFC 6749 §1.4)
-- @tfield string token_type `Bearer` (RFC 6750)
-- @tfield number expires_on seconds since 1970 UTC
-- @tfield ?number refresh_on from when on the next one should be fetched, seconds since 1970 UTC
-- @tfield {string,...} scopes what was granted (RFC 6749 §5.1)
-- @tfield ?string refresh_token a person's, where the call asked for it
-- @tfield boolean from_cache whether no exchange was needed
-- @usage
-- local token = assert(assert(entra.profile("production")):token())
-- local header = token.token_type .. " " .. token.access_token
-- print(os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(token.expires_on)), token.scopes[1], #header)

--- @type entra.token

--- How long it still lasts.
-- @function expires_in
-- @tparam[opt] number now seconds since 1970 UTC; the system's clock by default
-- @treturn number seconds, with a fraction; negative once it has expired
-- @usage
-- local token = assert(assert(entra.profile("production")):token())
-- if token:expires_in() < 600 then
--   print("this one will not last the whole job")
-- end
function Token:expires_in(now)
  return self.expires_on - (now or require("entra.core").now())
end

--- The claims, decoded and NOT verified: for people and logs, never for decisions.
--
-- Only the API that a token is for may look into it, and checks it first (RFC 7519 §7.2). Microsoft's own APIs
-- have tokens that are no JWT.
--
-- @function claims
-- @treturn table|nil by their names (RFC 7519 §4)
-- @treturn entra.errors kind `usage`, code `token_format`, where the token is not a JWT
-- @usage
-- local token = assert(assert(entra.profile("production")):token())
-- local claims, err = token:claims()
-- print(claims and claims.aud or err)
function Token:claims()
  local decoded, err = require("entra.jwt").decode(self.access_token)
  if not decoded then
    return nil, err
  end
  return decoded.claims
end

--- Make a token object; `fields` is taken over.
-- @local
function token.new(fields)
  return setmetatable(fields, Token)
end

return token
