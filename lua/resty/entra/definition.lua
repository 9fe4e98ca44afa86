--- A profile as nginx's configuration defines it, made into an `entra.profile`.
--
-- A definition is plain data, so that it can cross into a pool thread, where
-- the profile is made anew: `name`; `stored` (a name in the store) or
-- `fields` (of `entra.profile{}`); `store` (a folder, or nil); `authority`
-- (AZURE_AUTHORITY_HOST as nginx was started with: workers do not see it).
--
-- @module resty.entra.definition

local flow = require("entra.flow")
local profile = require("entra.profile")

local definition = {}

--- Make the profile.
-- @tparam table def
-- @tparam[opt] table env see `entra.client`
-- @treturn entra.profile|nil
-- @treturn entra.errors
function definition.open(def, env)
  env = env or {}
  if def.stored then
    local known = { ENTRA_AUTH_CLI_HOME = def.store, AZURE_AUTHORITY_HOST = def.authority }
    env.getenv = function(name) return known[name] end
    return profile.stored(def.stored, env)
  end
  env.store = def.store and require("entra.store.sealed").new(def.store)
  return profile.from_table(def.fields, env)
end

-- The flows of a profile. Root's environment and the workers' are two: nobody's decides here.
local function flows_of(settings)
  return settings.flows or { flow.default(settings.auth_method, function() end) }
end

--- All that a token depends on, as one string: who asks whom, for what.
function definition.identity(def, opened)
  local settings = profile.client_of(opened).settings
  return table.concat({ def.name, settings.id, settings.authority, settings.tenant, settings.client_id,
    table.concat(flows_of(settings), ","), table.concat(settings.scopes, " ") }, "|")
end

--- Does the profile act for a person, by a refresh token, rather than for the app itself?
function definition.is_person(opened)
  local settings = profile.client_of(opened).settings
  return flow.BY_NAME[flows_of(settings)[1]].partition == "user"
end

return definition
