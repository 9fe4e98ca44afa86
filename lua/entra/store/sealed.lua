--- The sealed tier: one AES-256-GCM record per entry, in a folder of the user's own.
--
-- A record's name is its identity: the file is named by a hash of it, the name
-- stands in the header, and header and name are authenticated with the
-- contents, so that records cannot stand in for one another. The key comes
-- from a provider (`entra.key.*`).
--
-- @module entra.store.sealed

local core = require("entra.core")
local errors = require("entra.errors")
local json = require("entra.json")

local sealed = {}

local Sealed = { __name = "entra.store.sealed" }
Sealed.__index = Sealed

local RECORD_MAX = 8 * 1024 * 1024
local NOTE_MAX = 64 * 1024

local function store_error(message, code, path, kind)
  return errors.new("store", message, { code = code, hint = code == "newer"
    and "use the newer version of entra that wrote it" or require("entra.remedy").of(kind or "file", code, path) })
end

local function is_refusal(err)
  return require("entra.remedy").is_refusal(err.code)
end

--- Open a store; nothing is made or read yet.
-- @tparam string dir the state folder
-- @tparam[opt] table provider where the key comes from (`load`, `create`); `entra.key.file` by default
function sealed.new(dir, provider)
  return setmetatable({ dir = dir, records = dir .. "/records", provider = provider }, Sealed)
end

function Sealed:path(name, ending)
  return self.records .. "/" .. core.record_file(name) .. ending
end

-- Are the folders ours alone, as far as they exist? With `create` they are made.
function Sealed:check_folders(create)
  for _, folder in ipairs { self.dir, self.records } do
    local ok, message, code = core.dir_check(folder)
    if ok and create then
      ok, message, code = core.dir_make(folder)
    end
    if not ok then
      if (code == "owner" or code == "mode") and folder == self.dir
        and select(3, core.dir_list(self.records)) == "ENOENT" then
        -- No store is there; where none can be made either, nothing is at stake: a mounted ConfigMap.
        local writable, problem, errno = core.dir_writable(folder)
        if not writable then
          message, code = problem, errno
        end
      end
      return nil, store_error(message, code, folder, "folder")
    end
  end
  return true
end

-- The sealing key; it is made only where there is something to seal (`create`).
function Sealed:key_of(create)
  if self.key then
    return self.key
  end
  local sound, err = self:check_folders(create)
  if not sound then
    return nil, err
  end
  local provider = self.provider or require("entra.key.file")
  local key
  key, err = provider.load(self.dir)
  if not key and not err and create then
    key, err = provider.create(self.dir)
  end
  self.key = key
  return key, err
end

-- What the bytes of the record called `name` say, unsealed; else what is wrong with them, and the code of that.
local function open(name, key, bytes)
  local record, message, code = core.record_parse(bytes)
  if not record then
    return nil, message, code
  end
  if record.name ~= name then
    return nil, "it belongs to another entry", "forged"
  end
  if not key then
    return nil, "the key it was sealed with is gone", "no_key"
  end
  if key.id ~= record.key_id then
    return nil, "it was sealed with another key", "other_key"
  end
  local plain
  plain, message, code = require("entra.crypto").unseal(key.bytes, record.nonce, record.head, record.sealed)
  if not plain then
    return nil, message, code
  end
  local body = json.decode(plain)
  if not body then
    return nil, "its contents are not JSON", "damaged"
  end
  return body
end

-- A fault of the record itself, as opposed to one of the folder or the version. A fault of the key never
-- gets here: it says nothing about the records, which open again once the key is mended.
local BROKEN = { damaged = true, forged = true, other_key = true, no_key = true }

--- Read an entry.
-- @tparam string name
-- @treturn table|nil its body; nil and no error where there is none
-- @treturn entra.errors kind `store`; `err.broken` where the record cannot be opened any more
function Sealed:read(name)
  local path = self:path(name, ".rec")
  local bytes, message, code = core.file_read(path, RECORD_MAX)
  if not bytes then
    -- What is wrong with a folder explains more, and counts even where there is no record yet.
    local sound, problem = self:check_folders()
    if not sound and (code ~= "ENOENT" or is_refusal(problem)) then
      return nil, problem
    end
    return nil, code ~= "ENOENT" and store_error(message, code, path) or nil
  end
  local key, err = self:key_of(false)
  if err then
    return nil, err
  end
  local body
  body, message, code = open(name, key, bytes)
  if body then
    return body
  end
  err = store_error(("cannot open %s (key provider: %s): %s"):format(
    path, (self.provider or { name = "file" }).name, message), code, path)
  err.broken = BROKEN[code]
  return nil, err
end

--- Move an entry that does not open out of the way, for good: it is kept as `….rec.broken`.
function Sealed:set_aside(name)
  core.file_set_aside(self:path(name, ".rec"))
end

--- Write an entry, all or nothing, then sweep what a killed writer of it left behind. The caller holds the
-- lock under which all writers of this entry write; it need not be the entry's own.
-- @tparam string name
-- @tparam table body
-- @tparam[opt] table about `expires_on`, `refresh_on` for the header; `durable` to survive a power cut
-- @treturn true|nil
-- @treturn entra.errors kind `store` or `crypto`
function Sealed:write(name, body, about)
  about = about or {}
  local crypto = require("entra.crypto")
  local key, err = self:key_of(true)
  if not key then
    return nil, err
  end
  local nonce = crypto.random(12)
  local head = nonce and core.record_head {
    name = name, key_id = key.id, nonce = nonce, expires_on = about.expires_on, refresh_on = about.refresh_on,
  }
  local bytes = head and crypto.seal(key.bytes, nonce, head, json.encode(body))
  if not bytes then
    return nil, errors.new("crypto", "cannot seal the record", { code = "seal" })
  end
  local path = self:path(name, ".rec")
  local ok, message, code = core.file_replace(path, head .. bytes, about.durable)
  if not ok then
    return nil, store_error(message, code, path)
  end
  core.file_sweep(path)
  return true
end

--- Could an entry be written now, as far as rights go?
-- @treturn true|nil
-- @treturn entra.errors kind `store`
function Sealed:writable()
  local ok, message, code = core.dir_writable(self.records)
  if not ok then
    return nil, store_error(message, code, self.records, "folder")
  end
  return true
end

--- Remove an entry, its note, its lock, and what a killed writer of it left behind.
function Sealed:remove(name)
  core.file_sweep(self:path(name, ".rec"))
  for _, ending in ipairs { ".rec", ".rec.broken", ".note", ".lock" } do
    local path = self:path(name, ending)
    local ok, message, code = core.file_remove(path)
    if not ok and code ~= "ENOTDIR" then
      return nil, store_error(message, code, path)
    end
  end
  return true
end

-- No record of ours has these codes when it is looked at.
local FOREIGN = { ENOENT = true, symlink = true, not_regular = true, too_big = true }

--- The names of the entries for which `wanted(name)` holds, those moved aside included.
-- Reads every header, whatever the file's mode: for rare work only.
-- @treturn {string,...}|nil
-- @treturn entra.errors kind `store`, where a record cannot be looked at
function Sealed:names(wanted)
  local sound, err = self:check_folders()
  if not sound then
    return nil, err
  end
  local out = {}
  for _, file in ipairs(core.dir_list(self.records) or {}) do
    if file:match("^%x+%.rec$") or file:match("^%x+%.rec%.broken$") then
      local path = self.records .. "/" .. file
      local bytes, message, code = core.file_read(path, RECORD_MAX, "any")
      if not bytes and not FOREIGN[code] then
        return nil, store_error(message, code, path)
      end
      local record = bytes and core.record_parse(bytes)
      if record and wanted(record.name) then
        out[#out + 1] = record.name
      end
    end
  end
  return out
end

--- Lock an entry against other processes. Who locks goes on to open or to seal, so the cipher is made ready
-- first: of 64 that wait for one exchange, each would else load OpenSSL while it keeps the others out.
-- @tparam string name
-- @tparam number seconds how long to wait for it
-- @tparam[opt] number wake a descriptor whose becoming readable ends the wait
-- @treturn userdata|nil the lock; `lock:release()` lets go
-- @treturn boolean|entra.errors whether somebody else held it first
function Sealed:lock(name, seconds, wake)
  local sound, problem = self:check_folders()
  if not sound and is_refusal(problem) then
    return nil, problem
  end
  require("entra.crypto").ready()
  local path = self:path(name, ".lock")
  local lock, waited, code = core.lock(path, seconds, wake)
  if not lock and code == "ENOENT" then
    local ok
    ok, waited, code = core.dir_make(self.records)
    if ok then
      lock, waited, code = core.lock(path, seconds, wake)
    end
  end
  if lock then
    return lock, waited
  end
  if code == "interrupted" then
    return nil, errors.new("cancelled", "cancelled", { code = code })
  end
  if code == "timeout" then
    return nil, errors.new("timeout", "timed out waiting for another process of the same profile", {
      code = "lock_timeout", hint = "see who holds it: fuser " .. require("entra.remedy").quote(path) })
  end
  return nil, store_error(waited, code, path)
end

--- The note beside an entry's lock: plain, not secret, lost without harm.
-- @treturn table|nil
function Sealed:read_note(name)
  local bytes = core.file_read(self:path(name, ".note"), NOTE_MAX)
  return bytes and json.decode(bytes)
end

--- Leave a note, or with nil take it away.
function Sealed:write_note(name, note)
  local path = self:path(name, ".note")
  if note then
    core.file_replace(path, json.encode(note))
  else
    core.file_remove(path)
  end
end

--- A word for people: which tier this is, and where its key comes from.
function Sealed:describe()
  return ("sealed, AES-256-GCM, key provider: %s, in %s"):format((self.provider or { name = "file" }).name, self.dir)
end

return sealed
