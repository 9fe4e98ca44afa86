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

--- Where a person can paste a line: for `entra.redirect`; nil where nobody can.
function prompt.input()
  if not prompt.is_interactive() then
    return nil
  end
  -- A line that waits in Lua's buffer would not be seen by whoever watches the descriptor.
  io.stdin:setvbuf("no")
  return { fd = 0, read = function() return io.stdin:read("*l") end }
end

local function say(format, ...)
  io.stderr:write(format:format(...), "\n")
end

local BOX_MAX = 74 -- characters in one line of a box; what is longer stands alone, to be copied whole

-- Lines in a box on a terminal, indented elsewhere.
local function show(lines)
  local width = 0
  for _, line in ipairs(lines) do
    width = math.max(width, #line)
  end
  if not is_lively() or width > BOX_MAX then
    say("\n    %s\n", table.concat(lines, "\n\n    "))
    return
  end
  local edge = "  +" .. ("-"):rep(width + 4) .. "+"
  say("\n%s", edge)
  for _, line in ipairs(lines) do
    say("  |  %s%s  |", line, (" "):rep(width - #line))
  end
  say("%s\n", edge)
end

local function show_account(p)
  say("App %s, tenant %s.", core.clean(p.client_id, 100), core.clean(p.tenant, 100))
end

local function device_code(p, copied)
  say("To sign in, open this page and enter the code%s:", copied and " (it is on the clipboard)" or "")
  show { core.clean(p.verification_uri, 300), core.clean(p.user_code, 100) }
  show_account(p)
  local minutes = math.max(1, math.floor(p.expires_in / 60))
  say("The code is valid for %.0f minute%s. Only go on if you started this sign-in yourself.", minutes,
    minutes == 1 and "" or "s")
end

local function browser(p)
  if p.opened then
    say("Your browser was opened for the sign-in. If nothing happens there, open this page:")
  else
    say("To sign in, open this page:")
  end
  show { p.url }
  show_account(p)
  if p.can_paste then
    say("If the browser cannot show the last page, copy its address, paste it here and press Enter.")
  end
end

--- How to ask a person to sign in.
-- @tparam[opt] function copy puts a device code on the clipboard
-- @tparam table p see `entra.profile:sign_in`
-- @treturn function|nil on_wait only where a countdown can be shown
-- @treturn function done takes the countdown away
function prompt.sign_in(p, copy)
  collectgarbage("restart") -- stopped by the launcher; from here on the process may live for minutes
  if p.flow ~= "device-code" then
    browser(p)
    return nil, function() end
  end
  device_code(p, copy and copy(p.user_code))
  local shown = false
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
  return is_lively() and on_wait or nil, done
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
