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
  -- For `curl -H @<(entra-auth-cli get-token -o header)`: there the token is in no program's arguments.
  header = function(token)
    return "Authorization: Bearer " .. token.access_token .. "\n"
  end,
  -- For `eval` in a shell, and for an EnvironmentFile of systemd.
  env = function(token)
    return ("ENTRA_ACCESS_TOKEN=%s\nENTRA_EXPIRES_ON=%.0f\n"):format(
      require("entra.remedy").quote(token.access_token), math.floor(token.expires_on))
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

-- What may be replaced: a regular file, or nothing.
local function save(path, text)
  local core, remedy = require("entra.core"), require("entra.remedy")
  local target, message, code = core.file_target(path)
  local ok
  if target then
    ok, message, code = core.file_read(target, 0, "any")
    if ok or code == "too_big" or code == "ENOENT" or code == "EACCES" then
      ok, message, code = core.file_replace(target, text)
    else
      ok = nil
    end
  end
  if ok then
    return true
  end
  local hint = (code == "EACCES" or code == "EROFS" or code == "ENOENT" or code == "not_regular")
    and "name a file in a folder that you may write" or remedy.of("file", code, target or path)
  return nil, require("entra.errors").new("store", message, { code = code, hint = hint })
end

--- The result of a command whose outcome is a token.
-- @tparam entra.token token
-- @tparam table values parsed arguments: `output`, one of the formats; `file`, where it goes instead of standard
--   output: made or replaced as a whole, readable by its owner alone
-- @treturn table|nil
-- @treturn entra.errors kind `store`
function output.token(token, values)
  local text = FORMATS[values.output](token)
  if not values.file then
    return { text = text }
  end
  local ok, err = save(values.file, text)
  if not ok then
    return nil, err
  end
  return {}
end

return output
