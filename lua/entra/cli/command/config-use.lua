--- `entra-auth-cli config use`
-- @module entra.cli.command.config-use

local profiles = require("entra.profiles")

local use = {
  name = "config use",
  summary = "Choose the profile that is used where none is named.",
  examples = { "entra-auth-cli config use production" },
}

function use.build(parser)
  parser:argument("name", "Profile name."):args("?")
end

function use.run(values)
  if not values.name then
    return nil, require("entra.errors").new("usage", "missing the profile's name", { hint = use.examples[1] })
  end
  local paths, err = require("entra.paths").find()
  if not paths then
    return nil, err
  end
  local ok
  ok, err = profiles.update(paths, function(document)
    if not profiles.find(document, values.name) then
      return nil, profiles.not_found(values.name)
    end
    document.current = values.name
    return true
  end)
  if not ok then
    return nil, err
  end
  io.stderr:write(("Profile '%s' is used where none is named.\n"):format(values.name))
  return {}
end

return use
