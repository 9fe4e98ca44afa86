--- Results as text.
-- @module entra.cli.output

local json = require("entra.json")

local output = {}

local TOKEN_ORDER = { "token_type", "scope", "expires_in", "access_token", "refresh_token", "expires_at" }

--- RFC 3339 UTC from seconds since 1970.
function output.time(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

local FORMATS = {
  token = function(token)
    return token.access_token .. "\n"
  end,
  json = function(token)
    return output.json({
      token_type = token.token_type, scope = table.concat(token.scopes, " "),
      expires_in = math.floor(token:expires_in()), access_token = token.access_token,
      refresh_token = token.refresh_token, expires_at = output.time(token.expires_on),
    }, TOKEN_ORDER)
  end,
}

-- What dkjson leaves as it is, but a terminal may act on: C1 controls, bidirectional controls, line separators.
local function escape_controls(text)
  text = text:gsub("\194([\128-\159])", function(c) return ("\\u%04x"):format(c:byte()) end)
  text = text:gsub("\226\128([\142\143\168-\174])", function(c) return ("\\u20%02x"):format(c:byte() - 128) end)
  text = text:gsub("\226\129([\166-\169])", function(c) return ("\\u20%02x"):format(c:byte() - 64) end)
  return (text:gsub("\216\156", "\\u061c"):gsub("\127", "\\u007f"))
end

--- A table as JSON for people and jq, safe to show.
-- @tparam table value
-- @tparam {string,...} order of the members
function output.json(value, order)
  return escape_controls(json.write(value, order)) .. "\n"
end

--- Text with every control character as an escape, safe to show on one line.
function output.safe(text)
  text = text:gsub("[%z\1-\31]", function(c) return ("\\u%04x"):format(c:byte()) end)
  return escape_controls(text)
end

--- A token in one of the formats.
-- @tparam entra.token token
-- @tparam string format `token` or `json`
function output.token(token, format)
  return FORMATS[format](token)
end

return output
