--- `entra-auth-cli get-token`
-- @module entra.cli.command.get-token

local get_token = {
  name = "get-token",
  summary = "Print a valid access token: from the cache, else by refresh token, else by the profile's flow.",
  examples = {
    "TOKEN=$(entra-auth-cli get-token -p production)",
    "entra-auth-cli get-token -s https://vault.azure.net/.default -o json",
    "curl -H @<(entra-auth-cli get-token -o header) https://graph.microsoft.com/v1.0/users",
    "entra-auth-cli get-token -o env --file token.env",
    "entra-auth-cli get-token -p me --flow interactive --force",
    "entra-auth-cli get-token -p me --flow interactive,device-code",
  },
}

function get_token.build(parser)
  local options = require("entra.cli.options")
  options.profile(parser)
  options.scope(parser)
  parser:option("-f --flow", "How to obtain it: client-credentials, interactive (a browser), device-code or "
    .. "authorization-code, or several of the last three, tried in turn; else the profile's."):argname("FLOW")
  local file = options.token_output(parser)
  parser:flag("--force", "Do not use the cached access token; with --flow, sign in anew.")
  parser:flag("--no-cache", "Do not store the access token (a rotated refresh token is always stored).")
  options.timeout(parser, "60s; 15m where a person signs in")
  parser:option("--port", "Port on this machine that the browser comes back to (default: any)."):argname("N")
  parser:option("--redirect-uri", "Address that the browser comes back to (default: the profile's, or "
    .. "http://localhost)."):argname("URI")
  parser:flag("--no-browser", "Do not open a browser; show the page's address only.")
  parser:option("--login-hint", "Account to begin with, such as ada@contoso.com."):argname("NAME")
  parser:option("--tenant", "Sign in to another tenant than the profile's."):argname("TENANT")
  parser:option("--claims", "A claims challenge to answer: a JSON object."):argname("JSON")
  parser:mutex(file,
    parser:flag("--clipboard", "Put the token on the clipboard instead of printing it, and a device code too."))
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

-- What only a parsed command line can hold.
local function more_options(values, opts)
  local options = require("entra.cli.options")
  local err
  for name, read in pairs { timeout = options.seconds, port = options.port } do
    if values[name] then
      opts[name], err = read(values[name])
      if not opts[name] then
        return nil, err
      end
    end
  end
  opts.redirect_uri, opts.login_hint, opts.claims = values.redirect_uri, values.login_hint, values.claims
  if values.no_browser then
    opts.open_browser = false
  end
  return true
end

-- The clipboard in place of standard output.
local function copy_token(token)
  local ok, err = require("entra.cli.clipboard").copy(token.access_token)
  if not ok then
    return nil, err
  end
  io.stderr:write("The token is on the clipboard.\n")
  return {}
end

function get_token.run(values)
  local opts = {
    scope = values.scope, flow = values.flow, force = values.force, no_cache = values.no_cache,
    refresh_token = values.output == "json",
  }
  local ok, err = true, nil
  if values.is_parsed then
    ok, err = more_options(values, opts)
  end
  if not ok then
    return nil, err
  end
  local client
  client, err = require("entra.cli.session").open(values, true)
  if not client then
    return nil, err
  end
  -- The prompt's code is loaded only where a person is really asked.
  local done
  function opts.on_prompt(p)
    opts.on_wait, done = require("entra.cli.prompt").sign_in(p,
      values.clipboard and require("entra.cli.clipboard").copy)
  end
  function opts.input()
    return require("entra.cli.prompt").input()
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
  if values.clipboard then
    return copy_token(token)
  end
  if values.output == "token" and not values.file then
    return { text = token.access_token .. "\n" }
  end
  return require("entra.cli.output").token(token, values)
end

return get_token
