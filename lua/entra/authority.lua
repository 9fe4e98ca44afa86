--- Authorities: which host signs people and apps in, and where its endpoints are.
-- @module entra.authority

local errors = require("entra.errors")

local authority = {}

--- Microsoft's clouds by the names that the CLI takes; the first host of each is the one to talk to.
authority.CLOUDS = {
  public = { "login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net" },
  usgov = { "login.microsoftonline.us", "login.usgovcloudapi.net" },
  china = { "login.partner.microsoftonline.cn", "login.chinacloudapi.cn" },
}

local CANONICAL = {}
for _, hosts in pairs(authority.CLOUDS) do
  for _, host in ipairs(hosts) do
    CANONICAL[host] = hosts[1]
  end
end

--- The default authority.
authority.PUBLIC = "https://" .. authority.CLOUDS.public[1]

local ENDPOINTS = {
  token = "/oauth2/v2.0/token",
  device_code = "/oauth2/v2.0/devicecode",
  authorize = "/oauth2/v2.0/authorize",
}

-- Tenants that stand for "whoever signs in" and so cannot name the tenant of an app.
local SHARED = { common = true, organizations = true, consumers = true }

--- Check an authority host and bring it into its one spelling.
-- @tparam string text an https origin, or a bare host
-- @treturn string|nil `https://host[:port]`, an alias of a Microsoft cloud replaced by its main host
-- @treturn entra.errors kind `config`
function authority.origin(text)
  local lower = text:lower()
  local scheme, rest = lower:match("^(%a[%w+.-]*)://(.*)$")
  rest = (rest or lower):gsub("/$", "")
  if scheme and scheme ~= "https" then
    return nil, errors.new("config", ("authority host '%s' is not https"):format(text), {
      code = "authority", hint = "use an https origin, such as " .. authority.PUBLIC })
  end
  local host, port = rest:match("^([%w][%w.-]*)(:?%d*)$")
  if not host or port == ":" or rest:find("..", 1, true) then
    return nil, errors.new("config", ("authority host '%s' is not an https origin"):format(text), {
      code = "authority", hint = "use an https origin, such as " .. authority.PUBLIC })
  end
  if port == ":443" then
    port = ""
  end
  return "https://" .. (port == "" and CANONICAL[host] or host) .. port
end

--- Check a tenant: a GUID, a verified domain, or `common`, `organizations`, `consumers`.
-- Only characters that cannot lead a URL elsewhere are let through.
-- @treturn string|nil lower case
-- @treturn entra.errors kind `config`
function authority.tenant(text)
  if #text > 253 or not text:match("^[%w][%w.-]*$") or text:find("..", 1, true) then
    return nil, errors.new("config", ("tenant '%s' is neither a GUID nor a domain"):format(text), {
      code = "tenant", hint = "use a tenant id (GUID) or a domain such as contoso.onmicrosoft.com" })
  end
  return text:lower()
end

--- Does this tenant name exactly one directory? Apps need one that does.
function authority.is_concrete(tenant)
  return not SHARED[tenant]
end

--- The URL of an endpoint; origin and tenant as the functions above return them.
-- @tparam string origin
-- @tparam string tenant
-- @tparam string name `token`, `device_code` or `authorize`
function authority.endpoint(origin, tenant, name)
  return origin .. "/" .. tenant .. ENDPOINTS[name]
end

local function percent(c)
  return ("%%%02X"):format(c:byte())
end

--- The address of the page where a person signs in (RFC 6749 §4.1.1).
-- @tparam string origin
-- @tparam string tenant
-- @tparam {{string,string},...} parameters in their order
function authority.authorize_url(origin, tenant, parameters)
  local query = {}
  for i, pair in ipairs(parameters) do
    -- All but RFC 3986's unreserved characters.
    query[i] = pair[1] .. "=" .. pair[2]:gsub("[^%w._~-]", percent)
  end
  return authority.endpoint(origin, tenant, "authorize") .. "?" .. table.concat(query, "&")
end

-- Personal accounts' tenant: what `consumers` stands for.
local CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

--- May a person of the directory `tid` sign in where `tenant` was asked for?
-- A domain is not resolved: there any directory counts, as with `common`.
function authority.admits(tenant, tid)
  if tenant == "consumers" then
    return tid == CONSUMERS
  elseif tenant == "organizations" then
    return tid ~= CONSUMERS
  end
  return not tenant:match(GUID) or tenant == tid
end

--- Is this a GUID?
function authority.is_guid(text)
  return text:match(GUID) ~= nil
end

--- The issuer of id_tokens of a directory.
function authority.issuer(origin, tid)
  return origin .. "/" .. tid .. "/v2.0"
end

return authority
