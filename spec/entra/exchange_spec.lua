local exchange = require("entra.exchange")
local new_clock = require("spec.support.clock")
local new_http = require("spec.support.http")

describe("entra.exchange", function()
  local SETTINGS = { authority = "https://idp.example:8443", tenant = "t" }

  local function post(answer, log)
    local http, clock = new_http { answer }, new_clock()
    local reply, err = exchange.post(SETTINGS, { form = { { "client_secret", "telling" } }, repeatable = true },
      { clock = clock, deadline = clock.monotonic() + 42, http = http, log = log })
    return reply, err, http.requests[1]
  end

  it("posts to the authority's endpoint with what is left of the time", function()
    local reply, _, request = post { access_token = "a" }
    assert.equal("a", reply.access_token)
    assert.equal("https://idp.example:8443/t/oauth2/v2.0/token", request.url)
    assert.equal("token", request.expect)
    assert.equal(42, request.timeout)
    assert.is_true(request.repeatable)
  end)

  it("sends a new client-request-id each time, a GUID of version 4", function()
    local _, _, one = post { access_token = "a" }
    local _, _, two = post { access_token = "a" }
    local hex = "%x%x%x%x"
    local pattern = "^client%-request%-id: " .. hex .. hex .. "%-" .. hex .. "%-4%x%x%x%-8%x%x%x%-"
      .. hex .. hex .. hex .. "$"
    assert.matches(pattern, one.headers[1])
    assert.not_equal(one.headers[1], two.headers[1])
  end)

  it("turns every failure into an error of one kind", function()
    for code, kind in pairs { interrupted = "cancelled", timeout = "timeout", resolve = "network", connect = "network",
      tls = "network", proxy = "network", transfer = "network", too_big = "network", redirect = "network",
      garbled = "network", token_type = "network", throttled = "network", server = "network", http = "network",
      url = "config", ENOMEM = "internal", something_new = "internal" } do
      local reply, err = post { code = code, message = "words" }
      assert.is_nil(reply)
      assert.equal(kind, err.kind, code)
      assert.equal(code, err.code)
    end
  end)

  it("keeps what a refusal says, and knows when a person is needed", function()
    local _, err = post { code = "oauth", details = { error = "invalid_client", description = "AADSTS7000215: wrong",
      aadsts = 7000215, correlation_id = "c", trace_id = "t", timestamp = "2026", status = 401 } }
    assert.equal("oauth", err.kind)
    assert.equal("invalid_client", err.code)
    assert.matches("AADSTS7000215: wrong", err.message)
    assert.matches("secret", err.hint)
    assert.same({ 7000215, "c", "t", "2026", 401 },
      { err.aadsts, err.correlation_id, err.trace_id, err.timestamp, err.status })
    for _, code in ipairs { "interaction_required", "login_required", "consent_required" } do
      _, err = post { code = "oauth", details = { error = code, claims = "{}" } }
      assert.equal("interaction", err.kind)
      assert.equal("{}", err.claims)
    end
  end)

  it("says how long to wait when it was told to slow down", function()
    local _, err = post { code = "throttled", details = { retry_after = 17 } }
    assert.equal(17, err.retry_after)
    assert.equal("wait 17 seconds, then try again", err.hint)
  end)

  it("logs the step and never what was sent", function()
    local lines = {}
    post({ code = "oauth", details = { error = "invalid_client" } }, function(format, ...)
      lines[#lines + 1] = format:format(...)
    end)
    assert.matches("idp%.example.*invalid_client", lines[1])
    assert.is_nil(table.concat(lines):find("telling", 1, true))
  end)
end)
