--- The sealing key in a file of its own beside the records: for servers, CI and containers.
--
-- It protects against whoever gets the records without the key (a backup of
-- the records alone, a file shared by mistake); not against the same user or
-- root, who can read both.
--
-- @module entra.key.file

local core = require("entra.core")
local errors = require("entra.errors")

local file = { name = "file" }

local ID_BYTES, KEY_BYTES = 8, 32
local SIZE = ID_BYTES + KEY_BYTES

local function path_in(dir)
  return dir .. "/key"
end

-- A key that a link leads to is put in the link's place: without it nothing could be opened any more.
local function remedy_of(code, path)
  local remedy = require("entra.remedy")
  local quoted = remedy.quote(path)
  return code == "symlink" and ('install -m 600 "$(readlink -f %s)" %s'):format(quoted, quoted)
    or remedy.of("file", code, path)
end

--- The key of an existing store.
-- @tparam string dir the store's folder
-- @treturn table|nil `id` and `bytes`; nil and no error where there is no key yet
-- @treturn entra.errors kind `store`
function file.load(dir)
  local path = path_in(dir)
  local bytes, message, code = core.file_read(path, SIZE)
  if not bytes and code == "ENOENT" then
    return nil
  end
  if not bytes and code ~= "too_big" then
    return nil, errors.new("store", message, { code = code, hint = remedy_of(code, path) })
  end
  if not bytes or #bytes ~= SIZE then
    return nil, errors.new("store", ("the key file %s is damaged"):format(path), { code = "damaged",
      hint = "restore it from a backup, or remove the folder and sign in again" })
  end
  return { id = bytes:sub(1, ID_BYTES), bytes = bytes:sub(ID_BYTES + 1) }
end

--- Make the key of a new store; where another process was faster, its key is the one.
-- The folder must exist.
function file.create(dir)
  local crypto = require("entra.crypto")
  local bytes, message, code = crypto.random(SIZE)
  if not bytes then
    return nil, errors.new("crypto", message, { code = code })
  end
  local ok
  ok, message, code = core.file_create(path_in(dir), bytes, true)
  if not ok and code ~= "EEXIST" then
    return nil, errors.new("store", message, { code = code, hint = remedy_of(code, path_in(dir)) })
  end
  return file.load(dir)
end

return file
