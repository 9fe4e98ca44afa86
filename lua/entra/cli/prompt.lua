--- Talking to the person at the terminal, on standard error.
-- @module entra.cli.prompt

local core = require("entra.core")

local prompt = {}

-- Is there somebody to watch a line change?
local function is_lively()
  local term = os.getenv("TERM")
  return require("entra.host").kind(2) == "terminal" and term ~= nil and term ~= "dumb" and not os.getenv("NO_COLOR")
end

--- Can a question be answered here?
function prompt.is_interactive()
  local kind = require("entra.host").kind
  return kind(0) == "terminal" and kind(2) == "terminal"
end

--- How to show a device code: two functions for `Client:acquire`, and one to call at the end.
-- @treturn function on_prompt
-- @treturn function|nil on_wait only where a countdown can be shown
-- @treturn function done takes the countdown away
function prompt.device_code()
  collectgarbage("restart") -- stopped by the launcher; from here on the process may live for minutes
  local shown = false
  local function on_prompt(p)
    io.stderr:write(("To sign in, open\n\n    %s\n\nand enter the code\n\n    %s\n\nApp %s, tenant %s.\n"):format(
      core.clean(p.verification_uri, 300), core.clean(p.user_code, 100), core.clean(p.client_id, 100),
      core.clean(p.tenant, 100)))
    local minutes = math.max(1, math.floor(p.expires_in / 60))
    io.stderr:write(("The code is valid for %.0f minute%s. Only go on if you started this sign-in yourself.\n"):format(
      minutes, minutes == 1 and "" or "s"))
  end
  local function on_wait(left)
    shown = true
    local minutes = math.floor(left / 60)
    io.stderr:write(("\rWaiting for the sign-in: %.0f:%02.0f left "):format(minutes, math.floor(left % 60)))
    io.stderr:flush()
  end
  local function done()
    if shown then
      io.stderr:write("\r", (" "):rep(45), "\r")
    end
  end
  return on_prompt, is_lively() and on_wait or nil, done
end

--- Ask a yes-or-no question; no answer is no.
function prompt.confirm(question)
  io.stderr:write(question, " [y/N] ")
  io.stderr:flush()
  local answer = io.stdin:read("*l")
  return answer ~= nil and answer:match("^%s*[yY]") ~= nil
end

--- Ask for something that nobody may read over a shoulder.
-- @treturn string|nil
-- @treturn entra.errors kind `cancelled` or `usage`
function prompt.hidden(question)
  local host = require("entra.host")
  local text, message, code = host.ask_hidden(question, host.catch_signals())
  if text then
    return text
  end
  local errors = require("entra.errors")
  if code == "interrupted" then
    return nil, errors.new("cancelled", "cancelled", { code = code })
  end
  return nil, errors.new("usage", message, { code = code })
end

return prompt
