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

function list.run(values)
  local document, err = require("entra.cli.session").profiles()
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
