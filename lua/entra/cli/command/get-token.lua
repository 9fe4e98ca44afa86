--- `entra-auth-cli get-token`
-- @module entra.cli.command.get-token

local get_token = {
  name = "get-token",
  summary = "Print a valid access token: from the cache, else by refresh token, else by the profile's flow.",
  examples = {
    "TOKEN=$(entra-auth-cli get-token -p production)",
    "entra-auth-cli get-token -s https://vault.azure.net/.default -o json",
    "entra-auth-cli get-token -p me --flow device-code --force",
  },
}

function get_token.build(parser)
  local options = require("entra.cli.options")
  options.profile(parser)
  options.scope(parser)
  parser:option("-f --flow", "How to obtain it: client-credentials or device-code; else the profile's."):argname("FLOW")
  options.output(parser, "token", "json")
  parser:flag("--force", "Do not use the cached access token; with --flow, sign in anew.")
  parser:flag("--no-cache", "Do not store the access token (a rotated refresh token is always stored).")
  options.timeout(parser, "60s; 15m where a person signs in")
end

-- The plain calls that scripts make all day are understood without argparse, which costs more than the token.
local PLAIN = { ["-p"] = "profile", ["--profile"] = "profile", ["-s"] = "scope", ["--scope"] = "scope" }
local PLAIN_FLAGS = { ["--force"] = "force" }

function get_token.plain(args)
  local values, i = { output = "token" }, 1
  while args[i] do
    local flag, name, value = PLAIN_FLAGS[args[i]], PLAIN[args[i]], args[i + 1]
    if flag then
      values[flag] = true
      i = i + 1
    elseif name and value and not values[name] and value:sub(1, 1) ~= "-" then
      values[name] = value
      i = i + 2
    else
      return nil
    end
  end
  return values
end

function get_token.run(values)
  local seconds, err
  if values.timeout then
    seconds, err = require("entra.cli.options").seconds(values.timeout)
    if not seconds then
      return nil, err
    end
  end
  local client
  client, err = require("entra.cli.session").open(values, true)
  if not client then
    return nil, err
  end
  local opts = {
    scope = values.scope, flow = values.flow, force = values.force, no_cache = values.no_cache, timeout = seconds,
    refresh_token = values.output == "json",
  }
  -- The prompt's code is loaded only where a person is really asked.
  local done
  function opts.on_prompt(p)
    local on_prompt
    on_prompt, opts.on_wait, done = require("entra.cli.prompt").device_code()
    on_prompt(p)
  end
  function opts.may_ask()
    return require("entra.cli.prompt").is_interactive()
  end
  local token
  token, err = client:acquire(opts)
  if done then
    done()
  end
  if not token then
    return nil, err
  end
  if values.output == "token" then
    return { text = token.access_token .. "\n" }
  end
  return { text = require("entra.cli.output").token(token, values.output) }
end

return get_token
