--- The one place that prints, and the one place that decides how the process ends.
-- @module entra.cli.main

local main = {}

-- Where each command is, and one line about it. `config create` and its like are commands of their own.
local COMMANDS = {
  ["get-token"] = { "entra.cli.command.get-token", "print a valid access token" },
  refresh = { "entra.cli.command.refresh", "get a new access token with the stored refresh token" },
  inspect = { "entra.cli.command.inspect", "decode a token" },
  ["config create"] = { "entra.cli.command.config-create", "create a profile" },
  ["config list"] = { "entra.cli.command.config-list", "list the profiles" },
  ["config show"] = { "entra.cli.command.config-show", "show a profile" },
  ["config delete"] = { "entra.cli.command.config-delete", "delete a profile, its secrets and its tokens" },
  ["config use"] = { "entra.cli.command.config-use", "choose the profile used where none is named" },
}
local ORDER = { "get-token", "refresh", "inspect", "config create", "config list", "config show", "config delete",
  "config use" }

-- (command, error's code or kind) -> exit status; everything else is 1.
local SIGN_IN = { oauth = 3, interaction = 3, credential = 3, network = 4, timeout = 5 }
local STATUS = {
  ["get-token"] = SIGN_IN,
  refresh = { no_refresh_token = 3, refresh_token_refused = 4, network = 5, timeout = 5 },
  inspect = { no_token = 3, token_format = 4 },
}

local function status_of(command, err)
  if err.code == "profile_not_found" then
    return 2
  end
  local map = STATUS[command] or {}
  return map[err.code] or map[err.kind] or 1
end

local function say(line)
  io.stderr:write(line, "\n")
end

local function details_of(err)
  local parts = {}
  local function add(word, value)
    if value then
      parts[#parts + 1] = word .. tostring(value)
    end
  end
  add("AADSTS", err.aadsts and ("%.0f"):format(err.aadsts))
  add("correlation ", err.correlation_id)
  add("trace ", err.trace_id)
  add("", err.timestamp)
  return #parts > 0 and table.concat(parts, ", ") or nil
end

-- Everything that reaches a terminal goes through here: one line each, whatever the words were.
local function complain(err)
  local core = require("entra.core")
  say("Error: " .. core.clean(err.message, 1000))
  if err.hint then
    say("Hint: " .. core.clean(err.hint, 1000))
  end
  local details = details_of(err)
  if details then
    say("Details: " .. details)
  end
end

local function cancelled()
  say("Cancelled")
  require("entra.host").die_of_signal()
  return 130
end

local function overview()
  local lines = { "Usage: entra-auth-cli COMMAND [OPTIONS]", "", "Microsoft Entra ID access tokens, cached and sealed.",
    "", "Commands:" }
  for _, name in ipairs(ORDER) do
    lines[#lines + 1] = ("  %-15s %s"):format(name, COMMANDS[name][2])
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Examples:"
  lines[#lines + 1] = "  entra-auth-cli config create --tenant contoso.onmicrosoft.com --client-id GUID"
  lines[#lines + 1] = "  TOKEN=$(entra-auth-cli get-token)"
  lines[#lines + 1] = "  entra-auth-cli COMMAND --help"
  lines[#lines + 1] = "  entra-auth-cli --version"
  return table.concat(lines, "\n") .. "\n"
end

local function versions()
  local jit = rawget(_G, "jit")
  return ("entra-auth-cli %s (%s, %s, %s)\n"):format(require("entra.version"), jit and jit.version or _VERSION,
    require("entra.http").version():match("^%S+"), require("entra.crypto").version())
end

local function unknown(name, known)
  local err = require("entra.errors").new("usage", ("unknown command '%s'"):format(name), {
    hint = "entra-auth-cli --help" })
  local near = require("entra.cli.options").nearest(name, known)
  if near then
    err.hint = "did you mean '" .. near .. "'?"
  end
  return nil, err
end

-- The command that the arguments name, and the arguments that are left for it.
local function choose(args)
  local name, rest = args[1], 2
  if name == "config" then
    local sub = args[2]
    if sub == nil or sub == "-h" or sub == "--help" then
      return "overview"
    end
    name, rest = "config " .. sub, 3
  elseif name == nil or name == "-h" or name == "--help" or name == "help" then
    return "overview"
  elseif name == "--version" then
    return "version"
  end
  if not COMMANDS[name] then
    return unknown(name, ORDER)
  end
  local left = {}
  for i = rest, #args do
    left[#left + 1] = args[i]
  end
  return name, left
end

local function execute(args)
  local name, rest = choose(args)
  if name == "overview" then
    return { text = overview() }
  elseif name == "version" then
    return { text = versions() }
  elseif not name then
    return nil, rest
  end
  local command = require(COMMANDS[name][1])
  local values, err = command.plain and command.plain(rest)
  if not values then
    values, err = require("entra.cli.options").parse(command, rest)
  end
  local result
  if values and values.help then
    result = { text = values.help }
  elseif values then
    result, err = command.run(values)
  end
  return result, err, name
end

--- Run the program.
-- A command is a table: `name`, `summary`, `examples`, `build(parser)`, and `run(values)`, which returns
-- `{text =, status =}` or nil and an error and prints nothing but prompts and notes; optionally
-- `plain(args)`, which understands simple arguments without a parser.
-- @tparam {string,...} args
-- @treturn number the exit status
function main.run(args)
  require("entra.host").harden()
  local ok, result, err, name = pcall(execute, args)
  if not ok then
    local text = tostring(result)
    say("Error: internal error: " .. require("entra.core").clean(text, 300))
    say("Hint: please report this with what 'ENTRA_AUTH_CLI_DEBUG=1 entra-auth-cli …' and '--version' print")
    return 1
  end
  if not result then
    if err.kind == "cancelled" then
      return cancelled()
    end
    complain(err)
    return status_of(name, err)
  end
  if result.text then
    local written, why = io.stdout:write(result.text)
    if written then
      written, why = io.stdout:flush()
    end
    if not written then
      complain { message = "cannot write to standard output: " .. why, hint = "see where it is redirected to" }
      return 1
    end
  end
  return result.status or 0
end

return main
