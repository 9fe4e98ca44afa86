--- `entra-auth-cli config create`
-- @module entra.cli.command.config-create

local authority = require("entra.authority")
local core = require("entra.core")
local errors = require("entra.errors")
local flow = require("entra.flow")
local output = require("entra.cli.output")
local profiles = require("entra.profiles")
local scopes = require("entra.scopes")
local session = require("entra.cli.session")

local create = {
  name = "config create",
  summary = "Create a profile. Secrets are read from standard input or a file, never from the command line.",
  examples = {
    "entra-auth-cli config create --tenant contoso.onmicrosoft.com --client-id GUID --scope 'User.Read'",
    "entra-auth-cli config create -n production --tenant GUID --client-id GUID --client-secret-file secret.txt",
    "pass show entra/production | entra-auth-cli config create -n production --tenant GUID --client-id GUID "
      .. "--client-secret-stdin",
    "entra-auth-cli config create -n job --tenant GUID --client-id GUID --certificate app.pfx",
  },
}

local SECRET_MAX = 64 * 1024

function create.build(parser)
  parser:option("-n --name -p --profile", "Profile name (default: default)."):argname("NAME"):target("name")
  parser:option("--tenant --tenant-id", "Tenant id (GUID) or domain."):argname("TENANT"):target("tenant")
  parser:option("--client-id", "The app's client id (GUID)."):argname("GUID")
  parser:option("-s --scope", "Scopes that the profile asks for."):argname("SCOPES")
  parser:option("-f --flow", "How tokens are obtained: client-credentials, interactive, device-code or "
    .. "authorization-code; for a person also several, tried in turn: interactive,device-code."):argname("FLOW")
  parser:option("--redirect-uri", "Where the browser comes back to (default: http://localhost)."):argname("URI")
  parser:option("--auth-method", "How the app proves itself (default: by what is given)."):choices {
    "none", "client-secret", "certificate", "federated" }
  parser:flag("--client-secret-stdin", "Read the client secret from standard input.")
  parser:option("--client-secret-file", "Read the client secret from a file."):argname("FILE")
  require("entra.cli.certificate").options(parser)
  parser:option("--federated-token-file", "A file with another identity provider's token for this app, read for each "
    .. "exchange; without it, with --auth-method federated, the one in $AZURE_FEDERATED_TOKEN_FILE."):argname("FILE")
  parser:option("--cloud", "Microsoft's cloud (default: public)."):choices { "public", "usgov", "china" }
  parser:option("--authority-host", "Another authority, an https origin; else $AZURE_AUTHORITY_HOST."):argname("URL")
  parser:flag("--force", "Replace a profile of that name, with its secrets and tokens.")
end

local function usage(message, hint)
  return nil, errors.new("usage", message, { code = "arguments", hint = hint })
end

-- A file that the user names may be a link, a pipe, or somebody else's: that is how secrets are mounted and
-- handed over. Only of a file of their own that is open to others are they told.
local function read_file(path)
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, problem
  end
  local text
  text, problem = file:read(SECRET_MAX + 1)
  file:close()
  if not text then
    return nil, problem and path .. ": " .. problem or path .. " is empty"
  end
  local _, message, code = core.file_read(path, SECRET_MAX)
  if code == "mode" then
    session.warn(message .. "; " .. require("entra.remedy").of("file", code, path))
  end
  return text
end

-- The secret that was given, without the line end that files and pipes end in; nil for none.
local function read_secret(values)
  local text
  if values.client_secret_file and values.client_secret_stdin then
    return usage("--client-secret-file and --client-secret-stdin exclude each other")
  elseif values.client_secret_file then
    local problem
    text, problem = read_file(values.client_secret_file)
    if not text then
      return usage("cannot read the client secret: " .. problem, "name a file that you may read, or pipe the secret "
        .. "into --client-secret-stdin")
    end
  elseif values.client_secret_stdin then
    text = io.stdin:read(SECRET_MAX + 1) or ""
  else
    return nil
  end
  text = text:gsub("\r?\n$", "")
  if text == "" then
    return usage("the client secret is empty")
  end
  if #text > SECRET_MAX then
    return usage("the client secret is longer than 64 KiB")
  end
  return text
end

local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

-- The authority in force: the flag, the cloud's, the environment's, the public one. It is recorded.
local function origin_of(values)
  if values.cloud and values.authority_host then
    return usage("--cloud and --authority-host exclude each other")
  end
  local environment = os.getenv("AZURE_AUTHORITY_HOST")
  return authority.origin(values.authority_host
    or values.cloud and authority.CLOUDS[values.cloud][1]
    or environment ~= "" and environment or authority.PUBLIC)
end

local GIVEN = { ["client-secret"] = "client secret", certificate = "certificate", federated = "federated token" }

-- How the app proves itself: what is given says it, and the flag must agree.
local function method_of(values, secret, certificate)
  local given = secret and "client-secret" or certificate and "certificate"
    or values.federated_token_file and "federated" or "none"
  local method = values.auth_method or given
  if secret and certificate or values.federated_token_file and given ~= "federated" then
    return usage("a profile has a client secret, a certificate or a federated token, not two of them")
  elseif method == given or method == "federated" and given == "none" then
    return method
  elseif method == "client-secret" then
    return usage("missing --client-secret-stdin or --client-secret-file")
  elseif method == "certificate" then
    return usage("missing --certificate")
  end
  return usage(("--auth-method %s takes no %s"):format(method, GIVEN[given]))
end

-- The settings that the flags describe.
local function settings_of(values, secret, certificate)
  local name = values.name or "default"
  if not profiles.is_name(name) then
    return usage(("'%s' cannot be a profile's name"):format(name),
      "use up to 64 letters, digits, '.', '_' and '-', a letter or digit first")
  end
  for _, missing in ipairs { { values.tenant, "--tenant" }, { values.client_id, "--client-id" } } do
    if not missing[1] then
      return usage(("missing %s"):format(missing[2]), create.examples[1])
    end
  end
  local tenant, err = authority.tenant(values.tenant)
  if not tenant then
    return nil, err
  end
  if not values.client_id:match(GUID) then
    return usage(("client id '%s' is not a GUID"):format(values.client_id),
      "use the Application (client) ID of the app registration")
  end
  local origin
  origin, err = origin_of(values)
  if not origin then
    return nil, err
  end
  local method
  method, err = method_of(values, secret, certificate)
  if not method then
    return nil, err
  end
  local token_file
  if values.federated_token_file then
    token_file, err = require("entra.cli.options").absolute(values.federated_token_file)
    if not token_file then
      return nil, err
    end
  end
  local flows
  if values.flow then
    flows, err = flow.names(values.flow)
    if not flows then
      return nil, err
    end
  end
  return {
    name = name, tenant = tenant, client_id = values.client_id:lower(), authority = origin,
    scopes = scopes.split(values.scope), auth_method = method, flows = flows,
    redirect_uri = values.redirect_uri,
    certificate = certificate,
    federated = method == "federated" and { token_file = token_file } or nil,
  }
end

local function new_id()
  return (require("entra.crypto").random(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- Put the profile into the file. The one it replaces is returned, for its secrets and tokens to be removed.
local function insert(document, stored, force)
  for i, other in ipairs(document.profiles) do
    if other.name == stored.name then
      if not force then
        return usage(("profile '%s' already exists"):format(stored.name), "use --force to replace it")
      end
      document.profiles[i] = stored
      return true, other
    end
  end
  table.insert(document.profiles, stored)
  return true
end

-- What seals the credential that comes with the profile, once there is a store; nil where nothing is.
local function credential_of(values, settings, secret)
  if secret then
    return function(store) return require("entra.credential.secret").save(store, settings, secret) end
  elseif not settings.certificate then
    return nil
  end
  local open, password, identity = require("entra.cli.certificate").open(settings.certificate, values)
  if not open then
    return nil, password
  end
  return function(store)
    return require("entra.credential.certificate").save(store, settings, open, password, identity)
  end
end

function create.run(values)
  local secret, err = read_secret(values)
  if err then
    return nil, err
  end
  local certificate
  certificate, err = require("entra.cli.certificate").read(values)
  if err then
    return nil, err
  end
  local settings
  settings, err = settings_of(values, secret, certificate)
  if not settings then
    return nil, err
  end
  local save
  save, err = credential_of(values, settings, secret)
  if err then
    return nil, err
  end
  settings.id = new_id()
  local paths
  paths, err = require("entra.paths").find()
  if not paths then
    return nil, err
  end
  local store = require("entra.store.sealed").new(paths.state)
  local client = require("entra.client")
  local ok, replaced
  ok, err = profiles.update(paths, function(document)
    local stored = profiles.stored(settings, output.time(core.now()))
    local inserted, other = insert(document, stored, values.force)
    if not inserted then
      return nil, other
    end
    replaced = other
    -- The credential is sealed before the profile that needs it can be seen.
    if save then
      return save(store)
    end
    return true
  end)
  if not ok then
    -- Where only the last sync failed the profile is there all the same, and keeps its secret.
    local document = profiles.load(paths)
    local found = document and profiles.find(document, settings.name)
    if document and not (found and found.id == settings.id) then
      client.new(settings, store):forget()
    end
    return nil, err
  end
  if replaced then
    ok, err = client.new({ id = replaced.id }, store):forget()
    if not ok then
      session.warn("what the old profile stored is still there: " .. err:line())
    end
  end
  io.stderr:write(("Profile '%s' %s.\n"):format(settings.name, replaced and "replaced" or "created"))
  return {}
end

return create
