--- Where the browser comes back to after a sign-in (RFC 8252 §7.3): this machine's loopback, or a person who
-- pastes the address that their browser ended at.
--
-- Both at once where both can be: the browser may be on another machine, and
-- nobody knows before.
--
-- @module entra.redirect

local errors = require("entra.errors")

local redirect = {}

local Redirect = { __name = "entra.redirect" }
Redirect.__index = Redirect

local LOOPBACK = { localhost = true, ["127.0.0.1"] = true }

-- "http://localhost:8400/back" -> scheme, host, port or nil, path or ""
local function parts(uri)
  local scheme, host, port, path = uri:match("^(https?)://([%w.-]+)(:?%d*)([^%s?#]*)$")
  if not scheme or port == ":" or not path:match("^/") and path ~= "" then
    return nil
  end
  return scheme, host:lower(), tonumber(port:sub(2)), path
end

local function unusable(uri)
  return nil, errors.new("config", ("'%s' cannot be a redirect URI"):format(uri), {
    code = "redirect_uri", hint = "use http://localhost, or the https address that the app has registered" })
end

local function listen(port, path)
  local listener, message, code = require("entra.loopback").listen { port = port or 0, path = path }
  if listener then
    return listener
  end
  return nil, errors.new("config", message, { code = code,
    hint = code == "EADDRINUSE" and "leave --port out, or choose another one" or nil })
end

--- Get ready for the browser, before it is opened.
-- @tparam table way `redirect_uri` (default `http://localhost`), `port`; `input`: `fd` to watch and `read()`,
--   which returns the next line, where a person can paste
-- @treturn entra.redirect|nil `uri` is what to send, byte by byte the same both times
-- @treturn entra.errors
function redirect.open(way)
  local given = way.redirect_uri or "http://localhost"
  local scheme, host, port, path = parts(given)
  if not scheme or scheme == "http" and not LOOPBACK[host] then
    return unusable(given)
  end
  local self = setmetatable({ uri = given, input = way.input, clock = way.clock, wake = way.wake,
    complain = way.complain }, Redirect)
  if scheme == "https" then
    if not way.input then
      return nil, errors.new("interaction", "nobody is here to paste the address that the browser ends at", {
        code = "interaction_required", hint = "run the command in a terminal" })
    end
    return self
  end
  local err
  self.listener, err = listen(way.port or port, path == "" and "/" or path)
  if not self.listener then
    return nil, err
  end
  -- Entra ignores the port of a loopback redirect, not its path, and "/" would be one.
  self.uri = ("http://%s:%d%s"):format(host, self.listener:port(), path)
  return self
end

local function decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The parameters of a pasted address; nil where one comes twice.
local function parameters_of(address)
  local out = {}
  for pair in (address:match("%?([^#]*)") or ""):gmatch("[^&]+") do
    local name, value = pair:match("^([^=]+)=(.*)$")
    if name then
      if out[name] then
        return nil
      end
      out[name] = decode(value)
    end
  end
  return out
end

-- What a person pasted: the answer, or why it is none.
local function answer_of(address, state)
  local found = parameters_of(address)
  if not found or not found.state then
    return nil, "that is not the address that a sign-in ends at: it has '?code=…&state=…' in it"
  elseif not require("entra.crypto").equal(found.state, state) then
    return nil, "that address belongs to another sign-in"
  elseif not found.code == not found.error then
    return nil, "that address holds no code"
  end
  return found
end

-- A line from the person. nil and no error: go on waiting.
local function pasted(self, state)
  local line = self.input.read()
  if not line then
    self.input = nil -- end of file: nobody will paste any more
    if not self.listener then
      return nil, errors.new("cancelled", "cancelled", { code = "interrupted" })
    end
    return nil
  end
  local found, why = answer_of(line:gsub("%s", ""), state)
  if not found then
    self.complain(why)
  end
  return found
end

local function timed_out()
  return nil, errors.new("timeout", "timed out waiting for the sign-in", {
    code = "timeout", hint = "run the command again, or allow more time with --timeout" })
end

--- Is a pasted address waited for? Where a browser was opened on this machine, it comes back by itself.
-- @tparam boolean opened
function Redirect:takes_input(opened)
  return self.input ~= nil and not (opened and self.listener)
end

--- Wait for the answer with this state.
-- @tparam string state
-- @tparam number deadline on the clock's monotonic time
-- @tparam boolean opened whether a browser was opened
-- @treturn table|nil `code`, or `error` and what belongs to it
-- @treturn entra.errors
function Redirect:wait(state, deadline, opened)
  while true do
    local left = deadline - self.clock.monotonic()
    if left <= 0 then
      return timed_out()
    end
    local fd = self:takes_input(opened) and self.input.fd or nil
    local found, message, code
    if self.listener then
      found, message, code = self.listener:wait { state = state, timeout = left, wake = self.wake, input = fd }
    else
      local _
      _, message, code = require("entra.core").wait(left, self.wake, fd)
      code = code or "timeout"
    end
    if found then
      return found
    elseif code == "input" then
      local err
      found, err = pasted(self, state)
      if found or err then
        return found, err
      end
    elseif code == "interrupted" then
      return nil, errors.new("cancelled", "cancelled", { code = "interrupted" })
    elseif code ~= "timeout" then
      return nil, errors.new("internal", message, { code = code })
    end
  end
end

--- Let go of the port.
function Redirect:close()
  if self.listener then
    self.listener:close()
  end
end

return redirect
