--- The sealed tier: one AES-256-GCM record per entry, in a folder of the user's own.
--
-- A record's name is its identity: the file is named by a hash of it, and what
-- is in the file must say the same (`entra.store.record`). The key comes from a
-- provider (`entra.key.*`).
--
-- @module entra.store.sealed

local core = require("entra.core")
local errors = require("entra.errors")
local json = require("entra.json")
local record = require("entra.store.record")

local sealed = {}

local Sealed = { __name = "entra.store.sealed" }
Sealed.__index = Sealed

local RECORD_MAX = 8 * 1024 * 1024
local NOTE_MAX = 64 * 1024
local ROOM = 16 * 1024 -- more than the record of a refresh token takes

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
  local body, is_broken
  body, message, code, is_broken = record.open(key, name, bytes)
  if body then
    return body
  end
  err = store_error(("cannot open %s (key provider: %s): %s"):format(
    path, (self.provider or { name = "file" }).name, message), code, path)
  err.broken = is_broken
  return nil, err
end

--- Move an entry that does not open out of the way, for good: it is kept as `….rec.broken`.
-- @treturn true|nil
-- @treturn entra.errors kind `store`
function Sealed:set_aside(name)
  local path = self:path(name, ".rec")
  local ok, message, code = core.file_set_aside(path)
  if not ok then
    return nil, store_error(message, code, path)
  end
  return true
end

-- Killed writers' leftovers go before the first write. Who lives leaves none, so that once is enough.
function Sealed:sweep()
  if not self.swept then
    self.swept = true
    core.file_sweep(self.dir .. "/key")
    core.dir_sweep(self.records)
  end
end

--- Take room on the disk for an entry's next contents, before that is done which cannot be done again.
-- @tparam string name
-- @treturn userdata|nil for `write`; `room:drop()` gives it back, used or not
-- @treturn entra.errors kind `store`
function Sealed:reserve(name)
  self:sweep()
  local path = self:path(name, ".rec")
  local room, message, code = core.file_draft(path, ROOM)
  if not room then
    return nil, store_error(message, code, path)
  end
  return room
end

--- Write an entry, all or nothing. The caller holds the lock under which all writers of this entry write; it
-- need not be the entry's own.
-- @tparam string name
-- @tparam table body
-- @tparam[opt] table about `expires_on`, `refresh_on` for the header; `durable` to survive a power cut; `room`
--   that was reserved for it
-- @treturn true|nil
-- @treturn entra.errors kind `store` or `crypto`
function Sealed:write(name, body, about)
  about = about or {}
  local key, err = self:key_of(true)
  if not key then
    return nil, err
  end
  local bytes
  bytes, err = record.seal(key, name, body, about)
  if not bytes then
    return nil, err
  end
  local path = self:path(name, ".rec")
  local ok, message, code
  if about.room then
    ok, message, code = about.room:replace(bytes, about.durable)
  else
    self:sweep()
    ok, message, code = core.file_replace(path, bytes, about.durable)
  end
  if not ok then
    return nil, store_error(message, code, path)
  end
  return true
end

--- Remove an entry, its note, its lock, and what killed writers left behind.
function Sealed:remove(name)
  self:sweep()
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
      local header = bytes and core.record_parse(bytes)
      if header and wanted(header.name) then
        out[#out + 1] = header.name
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
    self:sweep()
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
