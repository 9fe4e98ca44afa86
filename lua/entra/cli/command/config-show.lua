--- `entra-auth-cli config show`
-- @module entra.cli.command.config-show

local cache = require("entra.cache")
local options = require("entra.cli.options")
local output = require("entra.cli.output")

local show = {
  name = "config show",
  summary = "Show a profile; of its secrets, only whether and where they are stored.",
  examples = { "entra-auth-cli config show", "entra-auth-cli config show -p production -o json" },
}

local ORDER = { "name", "current", "tenantId", "clientId", "authorityHost", "scopes", "authMethod", "defaultFlow",
  "certificatePath", "certificateKeyPath", "certificateMode", "sendCertificateChain", "assertionAlgorithm",
  "certificate", "certificateSubject", "thumbprintSha1", "thumbprintSha256", "certificateExpires",
  "certificateDaysLeft", "federatedTokenFile", "redirectUri",
  "clientSecret", "refreshToken", "account", "store", "createdAt", "updatedAt" }

function show.build(parser)
  options.profile(parser)
  options.output(parser, "text", "json")
end

-- Is there such a record, and does it open?
local function state_of(store, name)
  local body, err = store:read(name)
  if err then
    return "unreadable: " .. err.message
  end
  return body and (body.refused and "refused" or "stored") or "none", body
end

-- The profile's certificate, where it has one: the settings of it, and what it says of itself.
local function add_certificate(object, client, settings, store)
  local about = settings.certificate
  if not about then
    return
  end
  local certificate = require("entra.certificate")
  object.certificatePath, object.certificateKeyPath, object.certificateMode = about.path, about.key_path, about.mode
  object.sendCertificateChain, object.assertionAlgorithm = about.send_chain, about.algorithm
  local facts, err = require("entra.credential.certificate").facts(store, settings, client)
  if not facts then
    object.certificate = "unusable: " .. err.message
    return
  end
  local now = client.clock.now()
  local fine, word = certificate.judge(facts, now)
  object.certificate = not fine and "unusable: " .. word.message or word or "valid"
  object.certificateSubject = facts.subject
  object.thumbprintSha1, object.thumbprintSha256 = certificate.hex(facts.sha1), certificate.hex(facts.sha256)
  object.certificateExpires = certificate.time(facts.not_after)
  object.certificateDaysLeft = certificate.days_left(facts, now)
end

function show.run(values)
  local client, err, context = require("entra.cli.session").open(values)
  if not client then
    return nil, err
  end
  local settings, stored, store = context.settings, context.stored, context.store
  local refresh, grip = state_of(store, cache.refresh_name(settings, "user"))
  local object = {
    name = settings.name, current = require("entra.cli.session").name(nil, context.document) == settings.name,
    tenantId = settings.tenant, clientId = settings.client_id, authorityHost = settings.authority,
    scopes = require("entra.json").array(settings.scopes), authMethod = settings.auth_method,
    defaultFlow = table.concat(settings.flows or { require("entra.flow").default(settings.auth_method) }, ","),
    redirectUri = settings.redirect_uri,
    clientSecret = state_of(store, cache.secret_name(settings)),
    refreshToken = refresh, account = grip and grip.account and grip.account.username,
    store = store:describe(), createdAt = stored.createdAt, updatedAt = stored.updatedAt,
  }
  if settings.federated then
    object.federatedTokenFile = require("entra.credential.federated").path(settings) or "none"
  end
  add_certificate(object, client, settings, store)
  if values.output == "json" then
    return { text = output.json(object, ORDER) }
  end
  local lines = {}
  for _, name in ipairs(ORDER) do
    local value = object[name]
    if type(value) == "table" then
      value = #value > 0 and table.concat(value, " ") or "(none: the default of the flow)"
    end
    if value ~= nil then
      lines[#lines + 1] = ("%-20s %s\n"):format(name, output.safe(tostring(value)))
    end
  end
  return { text = table.concat(lines) }
end

return show
