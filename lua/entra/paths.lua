--- Where things are (XDG Base Directory Specification).
-- @module entra.paths

local errors = require("entra.errors")

local paths = {}

local APP = "entra-auth-cli"

-- The specification says that a relative path in these variables is to be ignored.
local function absolute(value)
  return value and value:sub(1, 1) == "/" and value or nil
end

--- The folders and files of this user.
-- @tparam[opt=os.getenv] function getenv
-- @treturn table|nil `profiles` (the file), `config`, `state` (folders)
-- @treturn entra.errors kind `config` where there is no home
function paths.find(getenv)
  getenv = getenv or os.getenv
  local home = getenv("ENTRA_AUTH_CLI_HOME")
  if home and home ~= "" then
    if not absolute(home) then
      return nil, errors.new("config", "ENTRA_AUTH_CLI_HOME is not an absolute path", { code = "no_home" })
    end
    return { config = home, state = home, profiles = home .. "/profiles.json" }
  end
  home = absolute(getenv("HOME"))
  local config = absolute(getenv("XDG_CONFIG_HOME")) or home and home .. "/.config"
  local state = absolute(getenv("XDG_STATE_HOME")) or home and home .. "/.local/state"
  if not config or not state then
    return nil, errors.new("config", "HOME is not set, so there is no place for profiles and tokens", {
      code = "no_home", hint = "ENTRA_AUTH_CLI_HOME=/a/private/folder entra-auth-cli …",
    })
  end
  config, state = config .. "/" .. APP, state .. "/" .. APP
  return { config = config, state = state, profiles = config .. "/profiles.json" }
end

return paths
