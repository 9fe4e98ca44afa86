--- The ways to obtain a token, by the names people type.
-- @module entra.flow

local errors = require("entra.errors")

local flow = {}

--- By the CLI's name: `grant` is the module under `entra.grant`, `partition` the part of the cache its
-- tokens live in (an app's token never answers for a person), `stored` its spelling in `profiles.json`;
-- `public` where the app proves nothing, whatever credential the profile has (RFC 8252 §8.4).
flow.BY_NAME = {
  ["client-credentials"] = { grant = "client_credentials", partition = "app", stored = "ClientCredentials" },
  ["interactive"] = { grant = "authorization_code", partition = "user", stored = "InteractiveBrowser", public = true },
  ["authorization-code"] = { grant = "authorization_code", partition = "user", stored = "AuthorizationCode" },
  ["device-code"] = { grant = "device_code", partition = "user", stored = "DeviceCode" },
}

-- "Device_Code", "DeviceCode" and "device-code" are one name.
local function squeeze(text)
  return (text:lower():gsub("[-_]", ""))
end

local SQUEEZED = {}
for name, facts in pairs(flow.BY_NAME) do
  SQUEEZED[squeeze(name)] = name
  SQUEEZED[squeeze(facts.stored)] = name
end

-- Names that exist in the reference tool and in profiles, but whose flows this version does not have.
local KNOWN = { workloadidentity = true, managedidentity = true }

local function unusable(text)
  local message = KNOWN[squeeze(text)] and "the flow '%s' is not available in this version" or "unknown flow '%s'"
  return nil, errors.new("usage", message:format(text), {
    code = "flow", hint = "use client-credentials, interactive, device-code or authorization-code" })
end

--- The flows that a text names, however they are spelled: one, or several for a person, in the order in
-- which they are tried: `interactive,device-code`.
-- @tparam string text
-- @treturn {string,...}|nil the CLI's names
-- @treturn entra.errors kind `usage`
function flow.names(text)
  local names = {}
  for word in text:gmatch("[^%s,]+") do
    local name = SQUEEZED[squeeze(word)]
    if not name then
      return unusable(word)
    end
    names[#names + 1] = name
  end
  if #names == 0 then
    return unusable(text)
  end
  for _, name in ipairs(names) do
    if flow.BY_NAME[name].partition ~= flow.BY_NAME[names[1]].partition then
      return nil, errors.new("usage", ("the flows '%s' and '%s' do not give the same token"):format(names[1], name), {
        code = "flow", hint = "client-credentials signs in the app, the others a person" })
    end
  end
  return names
end

--- The same as one text, as `profiles.json` spells it.
-- @tparam {string,...} names
function flow.stored(names)
  local out = {}
  for i, name in ipairs(names) do
    out[i] = flow.BY_NAME[name].stored
  end
  return table.concat(out, ",")
end

-- Where a browser can open, by the environment.
local DISPLAYS = { "DISPLAY", "WAYLAND_DISPLAY", "BROWSER" }

--- The flow of a profile that names none: what its credentials allow, and where there are none, what can
-- reach the person: a browser on this desktop, else a code for a browser elsewhere.
-- @tparam string auth_method as in a profile
-- @tparam[opt=os.getenv] function getenv
function flow.default(auth_method, getenv)
  if auth_method ~= "none" then
    return "client-credentials"
  end
  for _, name in ipairs(DISPLAYS) do
    local value = (getenv or os.getenv)(name)
    if value and value ~= "" then
      return "interactive"
    end
  end
  return "device-code"
end

return flow
