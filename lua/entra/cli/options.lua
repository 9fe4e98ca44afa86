--- Command lines, through argparse; its messages become `Error:` and `Hint:`.
-- @module entra.cli.options

local errors = require("entra.errors")

local options = {}

local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b]
end

--- The known word nearest to a mistyped one, if one is near.
function options.nearest(word, known)
  local best, best_distance
  for _, candidate in ipairs(known) do
    local d = distance(word, candidate)
    if d <= math.max(2, math.floor(#word / 3)) and (not best or d < best_distance) then
      best, best_distance = candidate, d
    end
  end
  return best
end

--- The options that many commands share.
function options.profile(parser)
  parser:option("-p --profile", "Profile name; else $ENTRA_AUTH_CLI_PROFILE, else the one chosen by 'config use', "
    .. "else 'default'."):argname("NAME")
end

function options.scope(parser)
  parser:option("-s --scope", "Scopes, separated by spaces or commas; else the profile's."):argname("SCOPES")
end

function options.output(parser, default, ...)
  parser:option("-o --output", "Output format"):choices { default, ... }
    :default(default)
end

--- How a token is handed over. Returns the option `--file`.
function options.token_output(parser)
  options.output(parser, "token", "json", "header", "env")
  return parser:option("--file", "Write it to this file (0600, replaced as a whole) instead of standard output.")
    :argname("FILE")
end

function options.timeout(parser, default)
  parser:option("--timeout", ("Longest wait, such as 30s or 2m (default: %s)."):format(default)):argname("TIME")
end

--- Parse a command's arguments.
-- @tparam table command `name`, `summary`, `build(parser)`, `examples` (array of lines)
-- @tparam {string,...} args
-- @treturn table|nil the values; `help` (a text) where help was asked for
-- @treturn entra.errors kind `usage`
function options.parse(command, args)
  local parser = require("argparse")("entra-auth-cli " .. command.name, command.summary)
  parser:add_help(false):help_max_width(100)
  command.build(parser)
  parser:flag("-v --verbose", "Say on standard error what is done, and how long it takes.")
  parser:flag("-h --help", "Show this help.")
  parser:epilog("Examples:\n  " .. table.concat(command.examples, "\n  "))
  local ok, result = parser:pparse(args)
  if not ok then
    local first, rest = tostring(result):match("^([^\n]*)\n?(.*)$")
    local hint = rest:match("^Did you mean (.*)$")
    return nil, errors.new("usage", first, { code = "arguments",
      hint = hint and "did you mean " .. hint or ("entra-auth-cli %s --help"):format(command.name) })
  end
  if result.help then
    return { help = parser:get_help() .. "\n" }
  end
  result.is_parsed = true
  return result
end

--- A port number.
-- @treturn number|nil
-- @treturn entra.errors kind `usage`
function options.port(text)
  local port = text:match("^%d+$") and tonumber(text)
  if not port or port < 1 or port > 65535 then
    return nil, errors.new("usage", ("'%s' is not a port"):format(text), { code = "arguments",
      hint = "use a number from 1 to 65535" })
  end
  return port
end

--- A path that means the same in every folder: profiles are used from anywhere.
-- @treturn string|nil
-- @treturn entra.errors kind `usage`
function options.absolute(path)
  local folder = os.getenv("PWD")
  if path:sub(1, 1) == "/" then
    return path
  elseif not folder or folder:sub(1, 1) ~= "/" then
    return nil, errors.new("usage", ("'%s' is not an absolute path"):format(path), { code = "arguments" })
  end
  return folder .. "/" .. path
end

local UNITS = { [""] = 1, s = 1, m = 60, h = 3600 }

--- Seconds from `30`, `30s`, `2m`, `1h`.
-- @treturn number|nil nil where none was given
-- @treturn entra.errors kind `usage`
function options.seconds(text)
  if not text then
    return nil
  end
  local number, unit = text:match("^(%d+)([smh]?)$")
  local seconds = number and tonumber(number) * UNITS[unit]
  if not seconds or seconds < 1 or seconds > 86400 then
    return nil, errors.new("usage", ("'%s' is not a time such as 30s or 2m"):format(text), { code = "arguments" })
  end
  return seconds
end

return options
