--- Where things are (XDG Base Directory Specification).
-- @module entra.paths

local errors = require("entra.errors")

local paths = {}

local APP = "entra-auth-cli"

-- The specification says that a relative path in these variables is to be ignored.
local function absolute(value)
  return value and value:sub(1, 1) == "/" and (value:gsub("(.)/+$", "%1")) or nil
end

-- Paths are shown to people: no double slash where HOME is "/".
local function join(folder, name)
  return (folder == "/" and "" or folder) .. "/" .. name
end

--- The folders and files of this user.
-- @tparam[opt=os.getenv] function getenv
-- @treturn table|nil `profiles` (the file), `config`, `state` (folders)
-- @treturn entra.errors kind `config` where there is no home
function paths.find(getenv)
  getenv = getenv or os.getenv
  local home = getenv("ENTRA_AUTH_CLI_HOME")
  if home and home ~= "" then
    home = absolute(home)
    if not home then
      return nil, errors.new("config", "ENTRA_AUTH_CLI_HOME is not an absolute path", { code = "no_home",
        hint = 'export ENTRA_AUTH_CLI_HOME="$PWD/$ENTRA_AUTH_CLI_HOME"' })
    end
    return { config = home, state = home, profiles = join(home, "profiles.json") }
  end
  home = absolute(getenv("HOME"))
  local config = absolute(getenv("XDG_CONFIG_HOME")) or home and join(home, ".config")
  local state = absolute(getenv("XDG_STATE_HOME")) or home and join(home, ".local/state")
  if not config or not state then
    return nil, errors.new("config", "HOME is not set, so there is no place for profiles and tokens", {
      code = "no_home", hint = "ENTRA_AUTH_CLI_HOME=/a/private/folder entra-auth-cli …",
    })
  end
  config, state = join(config, APP), join(state, APP)
  return { config = config, state = state, profiles = config .. "/profiles.json" }
end

return paths
