--- The person's clipboard: through their desktop's own program, or, over SSH, through their terminal.
-- @module entra.cli.clipboard

local errors = require("entra.errors")

local clipboard = {}

-- Terminals cut longer texts off (xterm: 100,000 characters of base64).
local OSC52_MAX = 74000

local function is_set(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= ""
end

-- The programs that may reach a clipboard here.
local function programs()
  local out = {}
  if is_set("WAYLAND_DISPLAY") then
    out[#out + 1] = { "wl-copy" }
  end
  if is_set("DISPLAY") then
    out[#out + 1] = { "xclip", "-selection", "clipboard" }
    out[#out + 1] = { "xsel", "--clipboard", "--input" }
  end
  if is_set("WSL_DISTRO_NAME") or is_set("WSL_INTEROP") then
    out[#out + 1] = { "clip.exe" }
  end
  if is_set("__CF_USER_TEXT_ENCODING") then -- macOS
    out[#out + 1] = { "/usr/bin/pbcopy" }
  end
  return out
end

-- OSC 52: the terminal at the person's end puts it on their clipboard.
local function through_terminal(text)
  if not is_set("SSH_TTY") or #text > OSC52_MAX or require("entra.host").kind(2) ~= "terminal" then
    return false
  end
  local base64 = require("entra.core").base64url_encode(text):gsub("-", "+"):gsub("_", "/")
  io.stderr:write("\27]52;c;", base64, ("="):rep(-#base64 % 4), "\7")
  io.stderr:flush()
  return true
end

--- Put a text on the clipboard. It goes through a pipe, never through a program's arguments.
-- @tparam string text
-- @treturn true|nil
-- @treturn entra.errors kind `config`, code `no_clipboard`
function clipboard.copy(text)
  for _, argv in ipairs(programs()) do
    if require("entra.loopback").spawn { argv = argv, stdin = text } then
      return true
    end
  end
  if through_terminal(text) then
    return true
  end
  return nil, errors.new("config", "no clipboard can be reached from here", {
    code = "no_clipboard", hint = "install wl-clipboard, xclip or xsel, or leave out --clipboard" })
end

return clipboard
