--- The configuration, checked, at start and at reload: secrets are read here, as the user that starts nginx.
-- @module resty.entra.setup

local core = require("entra.core")
local definition = require("resty.entra.definition")
local exchange = require("entra.exchange")
local held = require("resty.entra.held")
local host = require("resty.entra.host")
local profiles = require("entra.profiles")
local shared = require("resty.entra.shared")

local setup = {}

local SECRET_MAX = 64 * 1024
local TIMEOUT = 5 -- seconds for an exchange: stopping nginx waits for it

-- A check returns true, or false and what the value should be.
local OPTIONS = {
  profiles = function(v) return type(v) == "table" and next(v) ~= nil, "a table with at least one profile" end,
  dict = function(v) return type(v) == "string", "the name of a lua_shared_dict" end,
  pool = function(v) return type(v) == "string", "the name of a thread_pool" end,
  store = function(v) return v == nil or type(v) == "string" and v:sub(1, 1) == "/", "an absolute path" end,
  timeout = function(v) return type(v) == "number" and v > 0 and v <= 60, "seconds, up to 60" end,
}

local function fail(setting, message, ...)
  error({ setting = setting, message = message:format(...) }, 0)
end

local FROM = {
  file = function(setting, path)
    local file, problem = io.open(path, "rb")
    local text = file and file:read(SECRET_MAX + 1)
    if file then
      file:close()
    end
    if not text then
      fail(setting, "cannot read %s", problem or path)
    end
    return (text:gsub("\r?\n$", ""))
  end,
  env = function(setting, name)
    return os.getenv(name) or fail(setting, "the environment variable %s is not set", name)
  end,
}

local function secret(setting, value)
  local from, where = value:match("^(%a+):(.+)$")
  if not FROM[from] then
    fail(setting, "name where the secret is, 'file:/path' or 'env:NAME'")
  end
  local text = FROM[from](setting, where)
  if text == "" or #text > SECRET_MAX then
    fail(setting, "%s is empty or longer than 64 KiB", where)
  end
  return text
end

-- The fields of an inline profile, as entra.profile takes them, with the secrets in place of their references.
local function fields_of(setting, given, name)
  local out = {}
  for field, value in pairs(given) do
    local is_secret = type(field) == "string" and (field:match("secret") or field:match("password"))
    if is_secret and type(value) ~= "string" then
      fail(setting .. "." .. field, "a string is expected")
    end
    out[field] = is_secret and secret(setting .. "." .. field, value) or value
  end
  out.name = name
  return out
end

local function check_store(store)
  if not core.dir_list(store) then
    fail("store", "there is no folder %s: install -d -o www-data -m 0700 %s", store, store)
  end
  local is_ours, message = core.dir_check(store)
  if host.is_root() and is_ours then
    ngx.log(ngx.WARN, "entra: the store ", store, " belongs to root: workers of another user cannot use it")
  elseif not host.is_root() and not is_ours then
    fail("store", "%s", message)
  end
end

local function define(setting, name, given, store)
  local def = { name = name, store = store, authority = os.getenv("AZURE_AUTHORITY_HOST") }
  if type(given) == "string" then
    if not store then
      fail(setting, "'%s' is the name of a stored profile, and there is no setting 'store'", given)
    end
    def.stored = given
  elseif type(given) == "table" then
    def.fields = fields_of(setting, given, name)
  else
    fail(setting, "the name of a stored profile or a table is expected")
  end
  local ran, opened, err = pcall(definition.open, def)
  if not ran then -- a field is missing
    fail(setting, "%s", tostring(opened):gsub("^.-entra%.profile: ", ""))
  elseif not opened then
    fail(setting, "%s%s", err.message, err.hint and "; " .. err.hint or "")
  elseif def.fields and definition.is_person(opened) then
    fail(setting, "there is no client_secret, and without one a person has to sign in: name a profile of the store")
  end
  return def, definition.identity(def, opened)
end

local function read(options)
  for name in pairs(options) do
    if not OPTIONS[name] then
      fail(tostring(name), "there is no such setting")
    end
  end
  local defaults = { dict = "entra", pool = "entra", timeout = TIMEOUT }
  local chosen = setmetatable({}, { __index = function(_, name)
    return options[name] == nil and defaults[name] or options[name]
  end })
  for name, check in pairs(OPTIONS) do
    local fine, should = check(chosen[name])
    if not fine then
      fail(name, "should be %s", should)
    end
  end
  local found, problem = host.check(chosen)
  if not found then
    fail("nginx", "%s", problem)
  end
  if chosen.store then
    check_store(chosen.store)
  end
  local site = { shared = shared.new(chosen.dict), pool = chosen.pool, timeout = chosen.timeout }
  local entries, names = {}, {}
  for name, given in pairs(chosen.profiles) do
    if type(name) ~= "string" or not profiles.is_name(name) then
      fail("profiles", "'%s' cannot be a name", tostring(name))
    end
    local def, key = define("profiles." .. name, name, given, chosen.store)
    entries[name] = held.new(name, def, key, site)
    names[#names + 1] = name
    -- Whoever reloads nginx may have mended what failed.
    site.shared:forgive(key, true)
  end
  table.sort(names)
  return entries, names, found
end

--- Check the options and make what the workers inherit.
-- @tparam table options see `resty.entra.setup`
-- @treturn table|nil entries by profile name
-- @treturn string a sentence that begins with the setting's name
function setup.run(options)
  local ok, entries, names, found = pcall(read, options)
  if not ok then
    local problem = entries
    return nil, type(problem) == "table" and problem.setting .. ": " .. problem.message or tostring(problem)
  end
  exchange.forbid("a token exchange would block nginx's event loop: use resty.entra's inject or token")
  ngx.log(ngx.NOTICE, "entra ", require("entra.version"), ": profiles ", table.concat(names, ", "), "; ", found,
    options.store and "; store " .. options.store or "; no store")
  return entries
end

return setup
