--- What every command that works on a profile begins with: which profile, which client, who may be told what.
-- @module entra.cli.session

local session = {}

--- The profile that is meant: the flag, the environment, the file's choice, `default`.
-- @tparam string|nil flag
-- @tparam table document see `entra.profiles.load`
function session.name(flag, document)
  local environment = os.getenv("ENTRA_AUTH_CLI_PROFILE")
  return flag or (environment ~= "" and environment) or document.current or "default"
end

-- Is `--verbose`, or its environment variable, on?
local function is_verbose(values)
  return values.verbose or os.getenv("ENTRA_AUTH_CLI_DEBUG") == "1"
end

local function logger()
  local core = require("entra.core")
  local started = core.monotonic()
  return function(format, ...)
    io.stderr:write(("[%6.1f ms] "):format((core.monotonic() - started) * 1000),
      core.clean(format:format(...), 500), "\n")
  end
end

--- Say what goes on although something is wrong.
function session.warn(message)
  io.stderr:write("Warning: ", require("entra.core").clean(message, 1000), "\n")
end

--- The user's profiles, and where they are.
-- @treturn table|nil see `entra.profiles.load`
-- @treturn entra.errors
-- @treturn table see `entra.paths`
function session.profiles()
  local paths, err = require("entra.paths").find()
  if not paths then
    return nil, err
  end
  local document
  document, err = require("entra.profiles").load(paths)
  return document, err, paths
end

--- Open the profile that the arguments mean.
-- @tparam table values parsed arguments: `profile`, `verbose`; `tenant` in place of the profile's
-- @tparam[opt] boolean waits whether this command waits for others, so that Ctrl-C must end a wait
-- @treturn entra.client|nil
-- @treturn entra.errors
-- @treturn table the settings of the profile, and where it is: `settings`, `document`, `paths`
function session.open(values, waits)
  local document, err, paths = session.profiles()
  if not document then
    return nil, err
  end
  local profiles = require("entra.profiles")
  local name = session.name(values.profile, document)
  local stored = profiles.find(document, name)
  if not stored then
    return nil, profiles.not_found(name)
  end
  local settings
  settings, err = profiles.settings(stored)
  if not settings then
    return nil, err
  end
  if values.tenant then
    settings.home_tenant = settings.tenant
    settings.tenant, err = require("entra.authority").tenant(values.tenant)
    if not settings.tenant then
      return nil, err
    end
  end
  local log = is_verbose(values) and logger() or nil
  local store = require("entra.store.sealed").new(paths.state)
  if log then
    log("profile '%s': tenant %s, app %s, authority %s", settings.name, settings.tenant, settings.client_id,
      settings.authority)
    log("store: %s", store:describe())
  end
  local wake = waits and require("entra.host").catch_signals() or nil
  return require("entra.client").new(settings, store, { wake = wake, log = log, warn = session.warn }), nil, {
    settings = settings, document = document, paths = paths, stored = stored, store = store,
  }
end

return session
