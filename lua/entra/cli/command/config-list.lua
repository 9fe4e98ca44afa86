--- `entra-auth-cli config list`
-- @module entra.cli.command.config-list

local options = require("entra.cli.options")
local output = require("entra.cli.output")

local list = {
  name = "config list",
  summary = "List the names of the profiles, one a line.",
  examples = {
    "for p in $(entra-auth-cli config list); do entra-auth-cli get-token -p \"$p\"; done",
    "entra-auth-cli config list -o json",
  },
}

function list.build(parser)
  options.output(parser, "text", "json")
end

function list.run(args)
  local values, err = options.parse(list, args)
  if not values then
    return nil, err
  end
  if values.help then
    return { text = values.help }
  end
  local paths
  paths, err = require("entra.paths").find()
  if not paths then
    return nil, err
  end
  local document
  document, err = require("entra.profiles").load(paths)
  if not document then
    return nil, err
  end
  local names = {}
  for _, profile in ipairs(document.profiles) do
    names[#names + 1] = output.safe(profile.name)
  end
  if values.output == "json" then
    return { text = output.json(require("entra.json").array(names)) }
  end
  return { text = #names > 0 and table.concat(names, "\n") .. "\n" or "" }
end

return list
