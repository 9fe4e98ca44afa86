--- What an API says with 401: read strictly, and only what may be acted on.
--
-- With Continuous Access Evaluation a token can die before it expires. The API then answers 401 with a claims challenge
-- in `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3): ask for a token with these claims, and try once more.
-- Where that header says to ask is ignored on purpose: it decides nothing about where credentials go.
--
-- @module entra.challenge

local core = require("entra.core")
local json = require("entra.json")

local challenge = {}

local HEADER_MAX = 64 * 1024
local CLAIMS_MAX = 8 * 1024 -- bytes of JSON
local TOKEN = "^([%w!#$%%&'*+%-.^_`|~]+)"

-- The contents of a quoted string and where it ends; nil where it does not end or holds control characters.
local function quoted(text, at)
  local parts = {}
  local i = at + 1
  while true do
    local plain, stop = text:match('^([^"\\]*)()', i)
    parts[#parts + 1], i = plain, stop
    local c = text:sub(i, i)
    if c == '"' then
      local value = table.concat(parts)
      if value:find("[%z\1-\8\10-\31\127]") then
        return nil
      end
      return value, i + 1
    elseif c ~= "\\" or i == #text then
      return nil
    end
    parts[#parts + 1], i = text:sub(i + 1, i + 1), i + 2
  end
end

-- One `name = value` at a place: name, value, and where it ends; nil where there is none, false where it is broken.
local function parameter(text, at)
  local name, after = text:match(TOKEN .. "[ \t]*=[ \t]*()", at)
  if not name then
    return nil
  end
  local value, stop
  if text:sub(after, after) == '"' then
    value, stop = quoted(text, after)
  else
    value, stop = text:match(TOKEN .. "()", after)
  end
  if not value then
    return false
  end
  return name:lower(), value, stop
end

-- To the next element of a list: its place, or nil where something else than a comma or the end comes first.
local function next_element(text, at)
  local stop = text:match("^[ \t]*()", at)
  if stop > #text then
    return stop
  end
  return text:match("^,[ \t,]*()", stop)
end

-- All parameters of a challenge from a place on; nil where they cannot be read. One that comes twice makes the
-- whole challenge worthless: two readers could choose differently.
local function parameters(text, at)
  local found, is_twofold = {}, false
  while at <= #text do
    local name, value, stop = parameter(text, at)
    if name == nil then
      break
    elseif not name then
      return nil
    end
    is_twofold = is_twofold or found[name] ~= nil
    found[name] = value
    at = next_element(text, stop)
    if not at then
      return nil
    end
  end
  return is_twofold and {} or found, at
end

-- What stands behind a scheme: its parameters, none where a token68 fills the challenge, and where it ends.
local function details(text, at)
  local begin = text:match("^ +()", at)
  if not begin then
    return {}, next_element(text, at)
  end
  local stop = text:match("^[%w%-._~+/]+=*()", begin)
  local alone = stop and next_element(text, stop)
  if alone then
    return {}, alone
  end
  local found, after = parameters(text, begin)
  if after == begin and begin <= #text then
    return nil
  end
  return found, after
end

-- Every Bearer challenge of one header: an array of their parameters; nil where the header breaks the grammar.
local function bearers(text)
  local out = {}
  local at = text:match("^[ \t,]*()")
  while at <= #text do
    local scheme, after = text:match(TOKEN .. "()", at)
    local found
    if scheme then
      found, at = details(text, after)
    end
    if not found or not at then
      return nil
    end
    if scheme:lower() == "bearer" then
      out[#out + 1] = found
    end
  end
  return out
end

-- The JSON object behind a challenge's base64, of either alphabet, padded or not.
local function claims_of(encoded)
  local text = encoded:gsub("=?=$", ""):gsub("+", "-"):gsub("/", "_")
  local decoded = core.base64url_decode(text)
  if decoded and #decoded <= CLAIMS_MAX and decoded:match("^%s*{") and json.decode(decoded) then
    return decoded
  end
end

--- The claims challenge in a reply's `WWW-Authenticate`.
--
-- Only a well-formed Bearer challenge counts whose `error` is `insufficient_claims` and whose `claims` are a JSON
-- object; all else is an ordinary 401, for which a new token (`force`) helps at most once.
--
-- @tparam string|{string,...}|nil header its value, or the values where the header came several times
-- @treturn string|nil the claims, JSON text for `claims` of @{entra.profile:token}
-- @usage
-- local challenge = require("entra.challenge")
-- local p = assert(entra.profile("production"))
-- -- What the API answered with 401:
-- local header = 'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7fX19"'
-- local claims = challenge.parse(header)
-- local token = assert(p:token { claims = claims })
-- print(token.from_cache)
function challenge.parse(header)
  for _, text in ipairs(type(header) == "table" and header or { header }) do
    for _, found in ipairs(#text <= HEADER_MAX and bearers(text) or {}) do
      local claims = found.error == "insufficient_claims" and found.claims and claims_of(found.claims)
      if claims then
        return claims
      end
    end
  end
end

return challenge
