--- `entra-auth-cli refresh`
-- @module entra.cli.command.refresh

local options = require("entra.cli.options")

local refresh = {
  name = "refresh",
  summary = "Get a new access token with the stored refresh token, always over the network, and print it.",
  examples = {
    "entra-auth-cli refresh --profile production",
    "TOKEN=$(entra-auth-cli refresh)",
    "entra-auth-cli refresh --output json",
  },
}

function refresh.build(parser)
  options.profile(parser)
  options.scope(parser)
  options.token_output(parser)
  options.timeout(parser, "60s")
end

function refresh.run(values)
  local seconds, err = options.seconds(values.timeout)
  if err then
    return nil, err
  end
  local client
  client, err = require("entra.cli.session").open(values, true)
  if not client then
    return nil, err
  end
  local token
  token, err = client:refresh { scope = values.scope, timeout = seconds, refresh_token = values.output == "json" }
  if not token then
    return nil, err
  end
  return require("entra.cli.output").token(token, values)
end

return refresh
