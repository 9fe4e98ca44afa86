--- What to run where a file or folder of ours cannot be used: one command for each of `entra.core`'s codes.
-- @module entra.remedy

local core = require("entra.core")

local remedy = {}

-- What stands there and may not be trusted. Everything else is merely out of reach.
local REFUSALS = { mode = true, owner = true, symlink = true, not_regular = true, not_folder = true }

--- Is this the code of something that must not be used, whatever else would work?
function remedy.is_refusal(code)
  return REFUSALS[code] == true
end

--- A text as one word of a shell.
function remedy.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local OWN = "set ENTRA_AUTH_CLI_HOME to a folder of your own"
local STATE = "set XDG_STATE_HOME (ENTRA_AUTH_CLI_HOME, if you use that) to a folder that you may write"
local CONFIG = "set ENTRA_AUTH_CLI_HOME to a folder that you may write"

local function chown(path)
  local euid = core.euid()
  return ("%schown %.0f %s"):format(euid == 0 and "" or "sudo ", euid, path)
end

-- Root, who could take a whole folder away from its owner, is not told to.
local function chown_folder(path)
  local euid = core.euid()
  return euid == 0 and "run this as the user whose it is, or " .. OWN
    or ("sudo chown -R %.0f %s  # or %s"):format(euid, path, OWN)
end

-- Texts with the path for every %s. A link is removed, never what it leads to; what is moved is not lost.
local COMMON = {
  symlink = "rm %s", not_regular = "mv %s %s.old", not_folder = "mv %s %s.old",
  ENOSPC = "make room on the disk that holds %s", EDQUOT = "make room on the disk that holds %s",
  EIO = "check the disk that holds %s", EINTR = "try again",
}
local KINDS = {
  file = { mode = "chmod 600 %s", owner = chown, EACCES = STATE, EROFS = STATE },
  folder = { mode = "chmod 700 %s", owner = chown_folder, EACCES = STATE, EROFS = STATE },
  profiles = { mode = "chmod go-w,u+r %s", owner = chown, EACCES = CONFIG, EROFS = CONFIG },
  config = { mode = "chmod 700 %s", owner = chown_folder, EACCES = CONFIG, EROFS = CONFIG },
}

--- The command for a file or folder.
-- @tparam string kind a `file` or `folder` of the store; `profiles`: profiles.json; `config`: its folder
-- @tparam string code of the failure
-- @tparam string path
-- @treturn string|nil
function remedy.of(kind, code, path)
  local rule, word = KINDS[kind][code] or COMMON[code], remedy.quote(path)
  if type(rule) == "function" then
    return rule(word)
  end
  return rule and rule:format(word, word)
end

return remedy
