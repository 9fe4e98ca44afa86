--- Scopes as Entra means them (protocol: "Permissions and consent in the Microsoft identity platform").
--
-- A scope is `{resource}/{permission}`; a bare permission belongs to Microsoft
-- Graph; `openid`, `profile`, `email` and `offline_access` belong to no
-- resource. One token is for one resource.
--
-- @module entra.scopes

local errors = require("entra.errors")

local scopes = {}

local GRAPH = "https://graph.microsoft.com"

local RESERVED = { openid = true, profile = true, email = true, offline_access = true }

--- What is asked for where nobody said: all that the app was granted on Graph.
scopes.DEFAULT = GRAPH .. "/.default"

--- Split at spaces and commas.
-- @tparam string|{string,...}|nil list
-- @treturn {string,...} in the order given, without repetition
function scopes.split(list)
  local text = type(list) == "table" and table.concat(list, " ") or list or ""
  local out, seen = {}, {}
  for scope in text:gmatch("[^%s,]+") do
    if not seen[scope] then
      seen[scope] = true
      out[#out + 1] = scope
    end
  end
  return out
end

-- "https://vault.azure.net/user" -> "https://vault.azure.net", "user"
local function parts(scope)
  local resource, permission = scope:match("^(.+)/([^/]*)$")
  if not resource or permission == "" or resource:match("^%a[%w+.-]*:/?$") then
    return GRAPH, scope
  end
  return resource, permission
end

-- The form in which scopes are compared: lower case, with the resource, reserved ones left out.
local function comparable(list)
  local set, any = {}, false
  for _, scope in ipairs(list) do
    if not RESERVED[scope:lower()] then
      local resource, permission = parts(scope)
      set[(resource .. "/" .. permission):lower()] = true
      any = true
    end
  end
  return set, any
end

--- The one resource that these scopes are for.
-- @tparam {string,...} list
-- @treturn string|nil lower case; Graph where only reserved scopes are named
-- @treturn entra.errors kind `usage` for several resources (AADSTS28000)
function scopes.resource(list)
  local found
  for _, scope in ipairs(list) do
    if not RESERVED[scope:lower()] then
      local resource = parts(scope):lower()
      if found and found ~= resource then
        return nil, errors.new("usage",
          ("a token is for one resource, but the scopes name two: %s and %s"):format(found, resource),
          { code = "invalid_scope", hint = "ask for one token per resource" })
      end
      found = resource
    end
  end
  return found or GRAPH
end

--- Does a token with the granted scopes serve a request for the wanted ones?
-- Case is ignored and so are reserved scopes; an empty request is served by nothing.
-- @tparam {string,...} granted
-- @tparam {string,...} wanted
function scopes.covers(granted, wanted)
  local have = comparable(granted)
  local want, any = comparable(wanted)
  for scope in pairs(want) do
    if not have[scope] then
      return false
    end
  end
  return any
end

--- What to send for an app (client credentials): exactly one `{resource}/.default`.
-- @treturn {string,...}|nil
-- @treturn entra.errors kind `usage`
function scopes.for_app(list)
  local out = {}
  for _, scope in ipairs(list) do
    if not RESERVED[scope:lower()] then
      out[#out + 1] = scope
    end
  end
  if #out == 1 and out[1]:match("/%.default$") then
    return out
  end
  local resource = scopes.resource(list)
  return nil, errors.new("usage",
    "client credentials take exactly one scope, a resource's '/.default'",
    { code = "invalid_scope", hint = resource and ("use the scope '%s/.default'"):format(resource) or nil })
end

--- What to send for a person: as asked, and what it takes to be refreshed and to know who signed in.
-- @treturn {string,...}
function scopes.for_user(list)
  local out, seen = {}, {}
  for _, group in ipairs { list, { "openid", "profile", "offline_access" } } do
    for _, scope in ipairs(group) do
      if not seen[scope:lower()] then
        seen[scope:lower()] = true
        out[#out + 1] = scope
      end
    end
  end
  return out
end

--- What a token counts as granted: the reply's scopes, or the asked ones where the reply is silent
-- (RFC 6749 §5.1); a `.default` that was asked for is recorded, so that the next one hits.
function scopes.granted(reply_scope, asked)
  if not reply_scope then
    return asked
  end
  local out = scopes.split(reply_scope)
  for _, scope in ipairs(asked) do
    if scope:match("/%.default$") then
      out[#out + 1] = scope
    end
  end
  return scopes.split(out)
end

return scopes
