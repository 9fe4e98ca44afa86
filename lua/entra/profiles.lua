--- Profiles at rest: `profiles.json`, which people may read, edit and manage with other tools.
--
-- No secrets are in it. A file that does not parse is never written over.
-- Members that this version does not know are kept.
--
-- @module entra.profiles

local authority = require("entra.authority")
local core = require("entra.core")
local errors = require("entra.errors")
local flow = require("entra.flow")
local json = require("entra.json")
local scopes = require("entra.scopes")

local profiles = {}

local FILE_MAX = 8 * 1024 * 1024
local LOCK_SECONDS = 10

local ORDER = {
  "version", "current", "profiles", "name", "id", "tenantId", "clientId", "authorityHost", "scopes", "authMethod",
  "certificatePath", "certificateKeyPath", "certificateMode", "sendCertificateChain", "assertionAlgorithm",
  "federatedTokenFile",
  "defaultFlow", "redirectUri", "createdAt", "updatedAt",
}

-- The reference tool's names of authentication methods, by ours.
local STORED_METHOD = { ["none"] = "None", ["client-secret"] = "ClientSecret", certificate = "Certificate",
  federated = "Federated" }
local METHOD = { passwordlesscertificate = "certificate" }
for ours, stored in pairs(STORED_METHOD) do
  METHOD[stored:lower()] = ours
end

--- Is this a name that a profile can have?
function profiles.is_name(name)
  return #name <= 64 and name:match("^[%w][%w._-]*$") ~= nil
end

--- The error for a profile that is not there.
function profiles.not_found(name)
  return errors.new("config", ("profile '%s' not found"):format(name), {
    code = "profile_not_found", hint = "entra-auth-cli config list" })
end

local function broken(path, what)
  return errors.new("config", ("%s is not valid: %s"):format(path, what), {
    code = "profiles_broken", hint = "repair the file; nothing was changed" })
end

-- Check what the rest of entra relies on. A bare array is the reference tool's file.
local function check(document, path)
  if type(document) ~= "table" then
    return nil, broken(path, "an object is expected")
  end
  if document.profiles == nil and (document[1] ~= nil or next(document) == nil) then
    document = { profiles = document }
  end
  local list = document.profiles
  if type(list) ~= "table" or json.is_null(list) or list[1] == nil and next(list) ~= nil then
    return nil, broken(path, "member 'profiles' is not an array")
  end
  if (tonumber(document.version) or 1) > 1 then
    return nil, errors.new("config", ("%s was written by a newer version of entra"):format(path), {
      code = "profiles_newer", hint = "use that version; nothing was changed" })
  end
  for i, profile in ipairs(document.profiles) do
    if type(profile) ~= "table" or type(profile.name) ~= "string" then
      return nil, broken(path, ("profile %d has no name"):format(i))
    end
  end
  return document
end

-- The file may be a link and anybody's; but others may write neither it nor its folder.
local function read_bytes(paths)
  local path = paths.config
  local bytes, message, code = core.dir_check(path, "public")
  if bytes then
    path = paths.profiles
    bytes, message, code = core.file_read(path, FILE_MAX, "public")
  end
  if not bytes and code ~= "ENOENT" then
    return nil, errors.new("config", message, { code = code,
      hint = require("entra.remedy").of("profiles", code, path) })
  end
  return bytes
end

--- Read the file, quickly and without keeping what only rewriting it needs.
-- @tparam table paths see `entra.paths`
-- @treturn table|nil `profiles` (array), `current`; empty where there is no file
-- @treturn entra.errors kind `config`
function profiles.load(paths)
  local bytes, err = read_bytes(paths)
  if not bytes then
    if err then
      return nil, err
    end
    return { profiles = {} }
  end
  local document = json.decode(bytes)
  if not document then
    local _, problem = json.read(bytes)
    return nil, broken(paths.profiles, problem or "nested too deep")
  end
  return check(document, paths.profiles)
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- Find a stored profile in a loaded file.
-- @treturn table|nil as stored
function profiles.find(document, name)
  for _, profile in ipairs(document.profiles) do
    if profile.name == name then
      return profile
    end
  end
end

-- A profile of the reference tool has no id; this one is the same at every reading.
local function id_of(stored)
  return text(stored.id) or "x" .. core.record_file(table.concat(
    { stored.name, tostring(stored.tenantId), tostring(stored.clientId), tostring(stored.createdAt) }, "|"))
end

--- A stored profile as the rest of entra wants it, checked.
-- @tparam table stored
-- @tparam[opt=os.getenv] function getenv
-- @treturn table|nil settings: `id`, `name`, `tenant`, `client_id`, `authority` (an origin), `scopes`,
--   `auth_method`, `flows` (names, or nil), `redirect_uri` (or nil),
--   `certificate` (or nil: `path`, `key_path`, `mode`, `algorithm`, `send_chain`),
--   `federated` (or nil: `token_file`, or nothing, for the one that the environment names)
-- @treturn entra.errors kind `config`
function profiles.settings(stored, getenv)
  local function bad(member)
    return nil, errors.new("config", ("profile '%s' has no usable '%s'"):format(stored.name, member), {
      code = "profile", hint = ("entra-auth-cli config create --name %s --force …"):format(stored.name) })
  end
  if not text(stored.tenantId) then
    return bad("tenantId")
  end
  if not text(stored.clientId) then
    return bad("clientId")
  end
  local tenant, err = authority.tenant(stored.tenantId)
  if not tenant then
    return nil, err
  end
  local origin
  origin, err = authority.origin(text(stored.authorityHost) or text((getenv or os.getenv)("AZURE_AUTHORITY_HOST"))
    or authority.PUBLIC)
  if not origin then
    return nil, err
  end
  local method = METHOD[(text(stored.authMethod) or "none"):lower()]
  if not method then
    return nil, errors.new("config", ("profile '%s' signs in by '%s', which this version does not have"):format(
      stored.name, tostring(stored.authMethod)), { code = "auth_method" })
  end
  local certificate
  if method == "certificate" then
    local member
    certificate, member = require("entra.certificate").of_stored(stored)
    if not certificate then
      return bad(member)
    end
  end
  local flows
  if text(stored.defaultFlow) then
    flows, err = flow.names(stored.defaultFlow)
    if not flows then
      return nil, err
    end
  end
  return {
    id = id_of(stored), name = stored.name, tenant = tenant, client_id = stored.clientId, authority = origin,
    scopes = scopes.split(type(stored.scopes) == "table" and stored.scopes or text(stored.scopes)),
    auth_method = method, certificate = certificate, flows = flows, redirect_uri = text(stored.redirectUri),
    federated = method == "federated" and { token_file = text(stored.federatedTokenFile) } or nil,
  }
end

--- The form in which a profile is stored.
-- @tparam table settings as `profiles.settings` returns them
-- @tparam string now RFC 3339 UTC
function profiles.stored(settings, now)
  local about = settings.certificate or {}
  return {
    name = settings.name, id = settings.id, tenantId = settings.tenant, clientId = settings.client_id,
    authorityHost = settings.authority, scopes = json.array(settings.scopes),
    authMethod = STORED_METHOD[settings.auth_method],
    certificatePath = about.path, certificateKeyPath = about.key_path, certificateMode = about.mode,
    federatedTokenFile = settings.federated and settings.federated.token_file,
    sendCertificateChain = about.send_chain, assertionAlgorithm = about.algorithm,
    defaultFlow = settings.flows and flow.stored(settings.flows), redirectUri = settings.redirect_uri,
    createdAt = now, updatedAt = now,
  }
end

--- Change the file, under its lock: read again, let `change` work, replace atomically.
-- @tparam table paths
-- @tparam function change `change(document)` edits `document.profiles` and `document.current` in place and
--   returns true, or nil and an error to leave the file as it is
-- @treturn true|nil
-- @treturn entra.errors
function profiles.update(paths, change)
  local function failed(message, code, kind, path)
    return nil, errors.new("store", message, { code = code, hint = require("entra.remedy").of(kind, code, path) })
  end
  -- Links stay links: what is made and replaced is what they lead to.
  local folder, message, code = core.file_target(paths.config)
  local ok
  if folder then
    ok, message, code = core.dir_make(folder)
  end
  if not ok then
    return failed(message, code, "config", folder or paths.config)
  end
  local lock
  lock, message, code = core.lock(paths.profiles .. ".lock", LOCK_SECONDS)
  if not lock then
    return failed(message, code, "file", paths.profiles .. ".lock")
  end
  local function work()
    local bytes, err = read_bytes(paths)
    if err then
      return nil, err
    end
    local document = { version = 1, profiles = json.array() }
    if bytes then
      local problem
      document, problem = json.read(bytes)
      if not document then
        return nil, broken(paths.profiles, problem)
      end
    end
    document, err = check(document, paths.profiles)
    if not document then
      return nil, err
    end
    document.version = 1
    json.array(document.profiles)
    -- The reference tool's profiles get the ids they were read with, for good.
    for _, stored in ipairs(document.profiles) do
      stored.id = id_of(stored)
    end
    local changed
    changed, err = change(document)
    if not changed then
      return nil, err
    end
    local target
    target, message, code = core.file_target(paths.profiles)
    if target then
      core.file_sweep(target)
      ok, message, code = core.file_replace(target, json.write(document, ORDER) .. "\n", true)
    end
    if not target or not ok then
      return failed(message, code, "profiles", target or paths.profiles)
    end
    return true
  end
  local finished, result, err = pcall(work)
  lock:release()
  if not finished then
    error(result, 0)
  end
  return result, err
end

return profiles
