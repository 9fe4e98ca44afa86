--- The ways to obtain a token, by the names people type.
-- @module entra.flow

local errors = require("entra.errors")

local flow = {}

--- By the CLI's name: `grant` is the module under `entra.grant`, `partition` the part of the cache its
-- tokens live in (an app's token never answers for a person), `stored` its spelling in `profiles.json`.
flow.BY_NAME = {
  ["client-credentials"] = { grant = "client_credentials", partition = "app", stored = "ClientCredentials" },
  ["device-code"] = { grant = "device_code", partition = "user", stored = "DeviceCode" },
}

-- "Device_Code", "DeviceCode" and "device-code" are one name.
local function squeeze(text)
  return (text:lower():gsub("[-_]", ""))
end

local SQUEEZED = {}
for name in pairs(flow.BY_NAME) do
  SQUEEZED[squeeze(name)] = name
end

-- Names that exist in the reference tool and in profiles, but whose flows this version does not have.
local KNOWN = { interactivebrowser = true, interactive = true, authorizationcode = true,
  workloadidentity = true, managedidentity = true }

--- The CLI's name of a flow, however it is spelled.
-- @treturn string|nil
-- @treturn entra.errors kind `usage`
function flow.name(text)
  local name = SQUEEZED[squeeze(text)]
  if name then
    return name
  end
  local message = KNOWN[squeeze(text)] and "the flow '%s' is not available in this version"
    or "unknown flow '%s'"
  return nil, errors.new("usage", message:format(text),
    { code = "flow", hint = "use client-credentials or device-code" })
end

--- The flow of a profile that names none: what its credentials allow.
-- @tparam string auth_method as in a profile
function flow.default(auth_method)
  return auth_method == "none" and "device-code" or "client-credentials"
end

return flow
