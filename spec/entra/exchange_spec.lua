-- What is asked of the transport, and what its failures become; spec/src/http_spec.lua has the transport.
local errors = require("entra.errors")
local exchange = require("entra.exchange")
local new_clock = require("spec.support.clock")
local new_http = require("spec.support.http")

describe("entra.exchange", function()
  local SETTINGS = { authority = "https://idp.example", tenant = "contoso.com" }
  local FORM = { { "grant_type", "x" }, { "client_secret", "a-telling-secret" } }
  local clock, http, logged

  before_each(function() clock, http, logged = new_clock(), new_http(), {} end)

  local function post(answer, request, deadline)
    http.script = { answer }
    request = request or {}
    request.form = FORM
    return exchange.post(SETTINGS, request, {
      clock = clock, http = http, deadline = clock.monotonic() + (deadline or 60), wake = 7,
      log = function(...) logged[#logged + 1] = string.format(...) end,
    })
  end

  it("posts the form to the authority's endpoint, within the deadline", function()
    local reply = { access_token = "a" }
    assert.equal(reply, post(reply, { repeatable = true, retry = false }))
    local sent = http.requests[1]
    assert.equal("https://idp.example/contoso.com/oauth2/v2.0/token", sent.url)
    assert.equal(FORM, sent.form)
    assert.same({ "token", 60, 7, true, false },
      { sent.expect, sent.timeout, sent.wake, sent.repeatable, sent.retry })
  end)

  it("asks the device code endpoint where told to", function()
    post({ device_code = "d" }, { endpoint = "device_code", expect = "device_code" })
    assert.equal("https://idp.example/contoso.com/oauth2/v2.0/devicecode", http.requests[1].url)
    assert.equal("device_code", http.requests[1].expect)
  end)

  it("never asks for a timeout of nothing, which libcurl takes for ever", function()
    post({}, nil, -5)
    assert.is_true(http.requests[1].timeout > 0)
  end)

  it("bounds connecting where told to", function()
    http.script = { {} }
    exchange.post(SETTINGS, { form = FORM }, { clock = clock, http = http, deadline = clock.monotonic() + 5,
      connect_timeout = 2 })
    assert.equal(2, http.requests[1].connect_timeout)
  end)

  it("asks nobody once it was forbidden to", function()
    exchange.forbid("not here: ask elsewhere")
    local reply, err = post({})
    exchange.forbid(nil)
    assert.is_nil(reply)
    assert.same({ "usage", "would_block", "not here: ask elsewhere" }, { err.kind, err.code, err.message })
    assert.equal(0, #http.requests)
  end)

  it("names every request by another version 4 UUID", function()
    local seen = {}
    for i = 1, 20 do
      post({})
      local id = table.concat(http.requests[i].headers, "\n"):match("client%-request%-id: (%S+)")
      assert.matches("^" .. ("%x"):rep(8) .. "%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-" .. ("%x"):rep(12) .. "$", id)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("knows every failure of the transport by its kind", function()
    for code, kind in pairs {
      interrupted = "cancelled", timeout = "timeout", url = "config", ENOMEM = "internal", resolve = "network",
      connect = "network", tls = "network", proxy = "network", transfer = "network", too_big = "network",
      redirect = "network", garbled = "network", token_type = "network", throttled = "network",
      server = "network", http = "network", unheard_of = "internal",
    } do
      local reply, err = post { code = code, message = "words", details = { status = 418, retry_after = 3 } }
      assert.is_nil(reply)
      assert.is_true(errors.is(err))
      assert.same({ kind, code, "words", 418, 3 }, { err.kind, err.code, err.message, err.status, err.retry_after })
    end
  end)

  it("tells an OAuth refusal from one that a person can lift, with all that support asks for", function()
    local details = { error = "invalid_grant", description = "AADSTS50076: because", suberror = "basic_action",
      aadsts = 50076, correlation_id = "c", trace_id = "t", timestamp = "now", claims = "{}", status = 400 }
    local _, err = post { code = "oauth", details = details }
    assert.equal("oauth", err.kind)
    assert.equal("idp.example refused the request (invalid_grant): AADSTS50076: because", err.message)
    for _, field in ipairs { "suberror", "aadsts", "correlation_id", "trace_id", "timestamp", "claims", "status" } do
      assert.equal(details[field], err[field])
    end
    assert.matches("secret", select(2, post { code = "oauth", details = { error = "invalid_client" } }).hint)
    for _, code in ipairs { "interaction_required", "login_required", "consent_required" } do
      assert.equal("interaction", select(2, post { code = "oauth", details = { error = code } }).kind)
    end
  end)

  it("says how long to wait, a minute where the server does not", function()
    assert.matches("30 seconds", select(2, post { code = "throttled", details = { retry_after = 30 } }).hint)
    assert.matches("60 seconds", select(2, post { code = "throttled" }).hint)
  end)

  it("logs what became of it, and no secret", function()
    post { access_token = "a-telling-token" }
    post { code = "oauth", details = { error = "invalid_grant" } }
    post { code = "connect" }
    assert.matches("^token idp.example: answered in", logged[1])
    assert.matches("^token idp.example: invalid_grant in", logged[2])
    assert.matches("^token idp.example: connect in", logged[3])
    assert.is_nil(table.concat(logged):find("telling", 1, true))
  end)
end)
