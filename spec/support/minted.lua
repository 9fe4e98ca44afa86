-- A JWT with the given claims; its signature is a word.
local core = require("entra.core")
local json = require("dkjson")

return function(claims)
  return core.base64url_encode('{"alg":"RS256","typ":"JWT"}') .. "." .. core.base64url_encode(json.encode(claims))
    .. "." .. core.base64url_encode("no signature")
end
