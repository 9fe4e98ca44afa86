--- `entra-auth-cli config delete`
-- @module entra.cli.command.config-delete

local options = require("entra.cli.options")
local profiles = require("entra.profiles")

local delete = {
  name = "config delete",
  summary = "Delete a profile with its secrets and its tokens. Asks first, on a terminal.",
  examples = { "entra-auth-cli config delete -p user-app", "entra-auth-cli config delete -p user-app --yes" },
}

function delete.build(parser)
  options.profile(parser)
  parser:flag("-y --yes", "Do not ask.")
end

local function remove(document, name)
  for i, stored in ipairs(document.profiles) do
    if stored.name == name then
      table.remove(document.profiles, i)
      if document.current == name then
        document.current = nil
      end
      return true, stored.id
    end
  end
  return nil, profiles.not_found(name)
end

function delete.run(values)
  local document, err, paths = require("entra.cli.session").profiles()
  if not document then
    return nil, err
  end
  local name = require("entra.cli.session").name(values.profile, document)
  if not profiles.find(document, name) then
    return nil, profiles.not_found(name)
  end
  local prompt = require("entra.cli.prompt")
  if not values.yes and prompt.is_interactive()
    and not prompt.confirm(("Delete profile '%s', its secrets and its tokens?"):format(name)) then
    io.stderr:write("Nothing was deleted.\n")
    return { status = 1 }
  end
  local store = require("entra.store.sealed").new(paths.state)
  local ok
  ok, err = profiles.update(paths, function(fresh)
    local removed, id = remove(fresh, name)
    if not removed then
      return nil, id
    end
    -- The profile stays as long as its secrets do: what cannot be removed is not out of sight.
    return require("entra.client").new({ id = id }, store):forget()
  end)
  if not ok then
    return nil, err
  end
  io.stderr:write(("Profile '%s' deleted.\n"):format(name))
  return {}
end

return delete
