--- Opening a page in the person's browser, as their desktop would.
-- @module entra.browser

local errors = require("entra.errors")

local browser = {}

-- Is this Linux inside Windows? Then the person's browser is outside.
local function is_wsl(getenv)
  return getenv("WSL_DISTRO_NAME") ~= nil or getenv("WSL_INTEROP") ~= nil
end

local function is_set(value)
  return value ~= nil and value ~= ""
end

-- $BROWSER, as other programs read it: commands separated by colons, words by blanks; the address takes
-- the place of %s, or comes last.
local function from_environment(text, url, out)
  for command in text:gmatch("[^:]+") do
    local argv, placed = {}, false
    for word in command:gmatch("%S+") do
      local replaced, n = word:gsub("%%s", (url:gsub("%%", "%%%%")))
      argv[#argv + 1] = replaced
      placed = placed or n > 0
    end
    if #argv > 0 then
      if not placed then
        argv[#argv + 1] = url
      end
      out[#out + 1] = argv
    end
  end
end

--- The commands that may open a page here, the likeliest first.
-- @tparam string url
-- @tparam[opt=os.getenv] function getenv
-- @treturn {{string,...},...} argument vectors
function browser.commands(url, getenv)
  getenv = getenv or os.getenv
  local out = {}
  if is_set(getenv("BROWSER")) then
    from_environment(getenv("BROWSER"), url, out)
  end
  if is_wsl(getenv) then
    out[#out + 1] = { "wslview", url }
    out[#out + 1] = { "explorer.exe", url }
  end
  -- Without a display xdg-open would start a text browser on this very terminal.
  if is_set(getenv("DISPLAY")) or is_set(getenv("WAYLAND_DISPLAY")) then
    out[#out + 1] = { "xdg-open", url }
  end
  -- macOS; elsewhere no such program is looked for, since other systems have another `open`.
  if is_set(getenv("__CF_USER_TEXT_ENCODING")) then
    out[#out + 1] = { "/usr/bin/open", url }
  end
  return out
end

--- Open a page. No shell is involved, and nobody waits for the browser.
-- @tparam string url https
-- @tparam[opt=os.getenv] function getenv
-- @treturn true|nil
-- @treturn entra.errors kind `interaction`, code `no_browser`
function browser.open(url, getenv)
  local tried = {}
  for _, argv in ipairs(browser.commands(url, getenv)) do
    local ok, message = require("entra.loopback").spawn { argv = argv, detach = true }
    if ok then
      return true
    end
    tried[#tried + 1] = message
  end
  return nil, errors.new("interaction", #tried > 0 and table.concat(tried, "; ") or "there is no display here", {
    code = "no_browser", hint = "set BROWSER, or sign in with --flow device-code" })
end

return browser
