--- One request to an authority and what came of it, in entra's own words.
--
-- The transport, the retries and the reading of replies are C (`entra.http`,
-- loaded at the first request); this says which of our errors a failure is.
--
-- @module entra.exchange

local authority = require("entra.authority")
local errors = require("entra.errors")

local exchange = {}

-- Which kind of error each code of `entra.http` is.
local KIND = {
  interrupted = "cancelled", timeout = "timeout", oauth = "oauth", url = "config", ENOMEM = "internal",
  resolve = "network", connect = "network", tls = "network", proxy = "network", transfer = "network",
  too_big = "network", redirect = "network", garbled = "network", token_type = "network",
  throttled = "network", server = "network", http = "network",
}

local HINT = {
  resolve = "check the network, HTTPS_PROXY and the profile's authority host",
  connect = "check the network, HTTPS_PROXY and the profile's authority host",
  proxy = "check HTTPS_PROXY and NO_PROXY",
  tls = "check the clock; for an inspecting proxy's own CA set SSL_CERT_FILE",
  timeout = "try again, or allow more time with --timeout",
  redirect = "a proxy or portal may be in the way: check HTTPS_PROXY",
  garbled = "a proxy or portal may be in the way: check HTTPS_PROXY",
  server = "the service has a problem: try again in a minute",
}

-- OAuth errors (RFC 6749 §5.2, OIDC Core §3.1.2.6) that a person's sign-in answers.
local NEEDS_PERSON = { interaction_required = true, login_required = true, consent_required = true }

local OAUTH_HINT = {
  invalid_client = "check the client secret (its value, not its id) and that it has not expired",
  unauthorized_client = "check the client id and the tenant, and that the app exists there",
  invalid_scope = "check the scopes with --scope",
  invalid_resource = "check the scopes: the tenant does not know this resource",
  invalid_tenant = "check the tenant and the cloud of the profile",
}

-- What to look at where the app's proof was refused and was no secret.
local INVALID_CLIENT = {
  certificate = "check that this certificate is uploaded to the app registration "
    .. "(entra-auth-cli config show prints its thumbprints), and the clock",
  federated = "compare issuer, subject and audience of the app's federated credential with the token's: "
    .. "entra-auth-cli inspect --file FILE",
}

local function oauth_error(host, details, settings)
  local code = details.error
  local text = details.description or code
  return errors.new(NEEDS_PERSON[code] and "interaction" or "oauth",
    ("%s refused the request (%s): %s"):format(host, code, text), {
      code = code, suberror = details.suberror,
      hint = code == "invalid_client" and INVALID_CLIENT[settings.auth_method] or OAUTH_HINT[code],
    })
end

local function failure(settings, host, message, code, details)
  details = details or {}
  local err
  if code == "oauth" then
    err = oauth_error(host, details, settings)
  else
    err = errors.new(KIND[code] or "internal", message, { code = code, hint = HINT[code] })
  end
  for _, field in ipairs { "status", "aadsts", "correlation_id", "trace_id", "timestamp", "retry_after", "claims" } do
    err[field] = details[field]
  end
  if code == "throttled" then
    err.hint = ("wait %.0f seconds, then try again"):format(details.retry_after or 60)
  end
  return err
end

--- The error that came back through the browser (RFC 6749 §4.1.2.1); its text is whoever's who sent it.
-- @tparam table settings of the profile
-- @tparam string host of the authority
-- @tparam table found `error`, `error_description`
-- @treturn entra.errors
function exchange.refusal(settings, host, found)
  local text = (found.error_description or ""):gsub("[\r\n]+", " ")
  -- Entra's own lines about the request, which other replies have as members.
  local words = require("entra.core").clean(text:gsub("%s*Trace ID:.*$", ""), 400)
  return failure(settings, host, nil, "oauth", {
    error = found.error:match("^[%a_]+$") and found.error:sub(1, 64) or "error",
    description = words ~= "" and words or nil, aadsts = tonumber(words:match("^AADSTS(%d+)")),
    trace_id = text:match("Trace ID: ([%x-]+)"), correlation_id = text:match("Correlation ID: ([%x-]+)"),
  })
end

local function guid()
  local hex = require("entra.crypto").random(16):gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end)
  -- RFC 9562 §5.4: version 4, variant 10.
  return (hex:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)%x(%x%x%x)%x(%x%x%x)(%x+)$", "%1-%2-4%3-8%4-%5"))
end

local function headers()
  return {
    "client-request-id: " .. guid(), "return-client-request-id: true",
    "x-client-SKU: entra-lua", "x-client-Ver: " .. require("entra.version"),
    "x-ms-lib-capability: retry-after, h429",
  }
end

local http_client

-- One connection cache serves all of a process's requests.
local function default_http()
  if not http_client then
    local function set(name)
      local value = os.getenv(name)
      return value ~= "" and value or nil
    end
    http_client = require("entra.http").new {
      user_agent = "entra/" .. require("entra.version"),
      ca_file = set("SSL_CERT_FILE"), ca_path = set("SSL_CERT_DIR"),
    }
  end
  return http_client
end

-- Why nothing may be asked of the network here, or nil.
local reason_against

--- From now on refuse every exchange in this Lua state: for hosts whose one thread serves others too, and
-- must never wait. Tokens that are stored are still handed out.
-- @tparam string reason a sentence that names the remedy, for the error's message
function exchange.forbid(reason)
  reason_against = reason
end

--- What is returned in place of an exchange where `exchange.forbid` was called, or nil.
-- @treturn entra.errors|nil kind `usage`, code `would_block`
function exchange.forbidden()
  return reason_against and errors.new("usage", reason_against, { code = "would_block" })
end

--- Post a form to one of the authority's endpoints.
-- @tparam table settings of the profile: `authority`, `tenant`
-- @tparam table request `form`; optional `endpoint`, `expect`, `repeatable`, `retry`: see `src/http.h`
-- @tparam table env `clock`, `deadline` (monotonic seconds); optional `wake`, `http`, `log`, `connect_timeout`
-- @treturn table|nil the reply's known fields
-- @treturn entra.errors
function exchange.post(settings, request, env)
  local forbidden = exchange.forbidden()
  if forbidden then
    return nil, forbidden
  end
  local endpoint = request.endpoint or "token"
  local url = authority.endpoint(settings.authority, settings.tenant, endpoint)
  local host = url:match("^https://([^/]+)")
  local started = env.clock.monotonic()
  local reply, message, code, details = (env.http or default_http()):post {
    url = url, form = request.form, expect = request.expect or "token", headers = headers(),
    repeatable = request.repeatable, retry = request.retry, wake = env.wake,
    timeout = math.max(0.001, env.deadline - started), connect_timeout = env.connect_timeout,
  }
  if env.log then
    env.log("%s %s: %s in %.0f ms", endpoint, host, reply and "answered" or code == "oauth" and details.error or code,
      (env.clock.monotonic() - started) * 1000)
  end
  if reply then
    return reply
  end
  return nil, failure(settings, host, message, code, details)
end

return exchange
