-- The exchange against the real provider: what is sent, what is believed, what every fault is called.
local http = require("entra.http")
local provider = require("spec.support.provider")

describe("entra.http", function()
  local idp, client

  before_each(function()
    provider.reset()
    idp = provider.start()
    client = http.new { user_agent = "entra-spec/1", ca_file = idp.ca }
  end)

  local function request(fields)
    local app = idp.clients.daemon
    local out = {
      url = idp.base .. "/" .. idp.tenant .. "/oauth2/v2.0/token", expect = "token", timeout = 10,
      form = { { "grant_type", "client_credentials" }, { "client_id", app.client_id },
        { "client_secret", app.secret }, { "scope", "https://graph.microsoft.com/.default" } },
    }
    for name, value in pairs(fields or {}) do
      out[name] = value
    end
    return out
  end

  it("posts a form and reads the token", function()
    local reply = assert(client:post(request { headers = { "client-request-id: 0-1-2" } }))
    assert.matches("^eyJ", reply.access_token)
    assert.equal(3599, reply.expires_in)
    assert.is_number(reply.date)
    local requests = provider.control("GET", "/requests")
    local sent = requests[#requests]
    assert.equal(idp.clients.daemon.secret, sent.form.client_secret)
    assert.equal("application/json", sent.headers.accept)
    assert.equal("application/x-www-form-urlencoded", sent.headers["content-type"])
    assert.equal("entra-spec/1", sent.headers["user-agent"])
    assert.equal("0-1-2", sent.headers["client-request-id"])
    for _, absent in ipairs { "expect", "cookie", "authorization", "referer", "origin" } do
      assert.is_nil(sent.headers[absent], absent)
    end
  end)

  it("carries every byte of a form", function()
    local bytes = {}
    for i = 1, 255 do
      bytes[i] = string.char(i)
    end
    -- The provider wants UTF-8: what is not, it refuses, so only the ASCII half is compared as sent.
    local ascii = table.concat(bytes, "", 1, 127)
    client:post(request { form = { { "client_id", "x" }, { "odd name&=", ascii } } })
    local requests = provider.control("GET", "/requests")
    assert.equal(ascii, requests[#requests].form["odd name&="])
  end)

  it("keeps a connection for the next request", function()
    assert(client:post(request()))
    local again = assert(client:post(request { repeatable = true }))
    assert.is_number(again.seconds)
  end)

  it("says what an OAuth refusal says, and no more", function()
    local reply, message, code, details = client:post(request { form = { { "grant_type", "client_credentials" },
      { "client_id", idp.clients.daemon.client_id }, { "client_secret", "telling" },
      { "scope", "https://graph.microsoft.com/.default" } } })
    assert.is_nil(reply)
    assert.equal("oauth", code)
    assert.equal("invalid_client", details.error)
    assert.equal(7000215, details.aadsts)
    assert.is_string(details.correlation_id)
    assert.is_string(details.trace_id)
    assert.is_nil((message .. details.description):find("telling", 1, true))
    assert.is_nil(details.description:find("[%c]"))
  end)

  -- What goes wrong, what it is called, and a detail.
  local FAULTS = {
    { { kind = "reset" }, "transfer" }, { { kind = "truncate" }, "transfer" }, { { kind = "html" }, "garbled" },
    { { kind = "html_error" }, "server" }, { { kind = "big" }, "too_big" },
    { { kind = "status", status = 429, retry_after = 17 }, "throttled", { retry_after = 17, status = 429 } },
    { { kind = "status", status = 503, retry_after = 5 }, "server", { retry_after = 5, status = 503 } },
    { { kind = "status", status = 500 }, "server" }, { { kind = "status", status = 404 }, "http", { status = 404 } },
    { { kind = "wrong_type" }, "token_type" }, { { kind = "redirect" }, "redirect" },
    { { kind = "crlf_token" }, "garbled" },
    { { kind = "json", status = 200, body = { error = "invalid_grant" } }, "oauth", { error = "invalid_grant" } },
    { { kind = "json", status = 200, body = { token_type = "Bearer" } }, "garbled" },
    { { kind = "json", status = 200, body = { token_type = "Bearer", access_token = "" } }, "garbled" },
    { { kind = "json", status = 200, body = { token_type = "Bearer", access_token = 3 } }, "garbled" },
    { { kind = "json", status = 200, body = { token_type = "Bearer", access_token = "a", expires_in = -5 } },
      "garbled" },
    { { kind = "raw_body", status = 200, content_type = "application/json", body = "[1]" }, "garbled" },
    { { kind = "raw_body", status = 200, content_type = "application/json", body = "" }, "garbled" },
    { { kind = "raw_body", status = 200, content_type = "application/json",
        body = ('{"a":'):rep(5000) .. "1" .. ("}"):rep(5000) }, "garbled" },
    { { kind = "json", status = 400, body = { error = "server_error" } }, "server" },
  }

  for _, case in ipairs(FAULTS) do
    it(("calls %s%s '%s'"):format(case[1].kind, case[1].status and " " .. case[1].status or "", case[2]), function()
      provider.fault(case[1])
      local reply, message, code, details = client:post(request { retry = false })
      assert.is_nil(reply)
      assert.equal(case[2], code, message)
      assert.is_nil(message:find("%c"))
      for name, value in pairs(case[3] or {}) do
        assert.equal(value, details[name])
      end
      assert.equal(0, provider.control("GET", "/counters").redirected)
      -- The client is as good as new afterwards.
      provider.control("DELETE", "/faults")
      assert(client:post(request()))
    end)
  end

  it("reads Retry-After as seconds or as a date, within an hour", function()
    for given, seconds in pairs { ["0"] = 0, ["7"] = 7, ["99999"] = 3600, [("9"):rep(30)] = 3600,
      ["Thu, 01 Jan 1970 00:00:00 GMT"] = 0, ["Fri, 01 Jan 2100 00:00:00 GMT"] = 3600, soon = "none",
      ["-5"] = "none" } do
      provider.fault { kind = "status", status = 429, retry_after = given, times = 1 }
      local _, _, code, details = client:post(request())
      assert.equal("throttled", code)
      assert.equal(seconds, details.retry_after or "none", given)
    end
  end)

  it("reads a device code, under either name of its address", function()
    provider.fault { kind = "json", status = 200, body = { device_code = "d", user_code = "AB-12", expires_in = 900,
      verification_url = "https://microsoft.com/devicelogin", interval = "5", message = "go\27[2J there\nand" } }
    local reply = assert(client:post(request { expect = "device_code" }))
    assert.equal("https://microsoft.com/devicelogin", reply.verification_uri)
    assert.equal(5, reply.interval)
    assert.equal("go?[2J there", reply.message)
    assert.is_nil(reply.verification_url)
    provider.reset()
    provider.fault { kind = "json", status = 200, body = { device_code = "d", user_code = "A\27B", expires_in = 900,
      verification_uri = "https://x" } }
    assert.equal("garbled", (select(3, client:post(request { expect = "device_code" }))))
  end)

  it("accepts numbers written as strings", function()
    provider.fault { kind = "json", status = 200, body = { token_type = "bearer", access_token = "a",
      expires_in = "3599", refresh_in = "1800" } }
    local reply = assert(client:post(request()))
    assert.equal(3599, reply.expires_in)
    assert.equal(1800, reply.refresh_in)
  end)

  it("makes a server's text harmless", function()
    provider.fault { kind = "json", status = 400, body = { error = "invalid_request",
      error_description = "AADSTS90014: bad\27[31m \194\155 \226\128\174x\r\nTrace ID: 1", suberror = "a\27b",
      correlation_id = "x\ny", trace_id = "12-ab" } }
    local _, _, code, details = client:post(request())
    assert.equal("oauth", code)
    assert.equal("AADSTS90014: bad?[31m ? ?x", details.description)
    assert.equal(90014, details.aadsts)
    assert.is_nil(details.suberror)
    assert.is_nil(details.correlation_id)
    assert.equal("12-ab", details.trace_id)
  end)

  it("repeats once what may be repeated, and only that", function()
    provider.fault { kind = "status", status = 503, times = 1 }
    assert(client:post(request { repeatable = true }))
    assert.equal(2, provider.requests("token"))
    provider.reset()
    provider.fault { kind = "reset", times = 1 }
    assert.equal("transfer", (select(3, client:post(request { repeatable = false }))))
    assert.equal(1, provider.requests("token"))
  end)

  it("stops at the deadline", function()
    provider.fault { kind = "hang" }
    local reply, _, code = client:post(request { timeout = 0.2, repeatable = true })
    assert.is_nil(reply)
    assert.equal("timeout", code)
  end)

  it("stops at once when the wake descriptor is readable", function()
    provider.fault { kind = "hang" }
    -- A descriptor that is not open counts as readable: poll reports it at once, as it does a closed pipe.
    local reply, _, code = client:post(request { wake = 65535 })
    assert.is_nil(reply)
    assert.equal("interrupted", code)
  end)

  it("trusts only what it was told to trust", function()
    for _, where in ipairs { "expired", "untrusted" } do
      local url = idp[where] .. "/" .. idp.tenant .. "/oauth2/v2.0/token"
      local reply, message, code = client:post(request { url = url })
      assert.is_nil(reply)
      assert.equal("tls", code, message)
    end
    assert(http.new { user_agent = "x", ca_path = idp.capath }:post(request()))
    assert.equal("tls", (select(3, http.new { user_agent = "x" }:post(request()))))
    assert.equal("tls", (select(3, http.new { user_agent = "x", ca_file = "/nowhere" }:post(request()))))
  end)

  it("names DNS and connection failures", function()
    assert.equal("connect", (select(3, client:post(request { url = "https://127.0.0.1:1/token" }))))
    assert.equal("resolve", (select(3, client:post(request { url = "https://no.such.host.invalid/token" }))))
  end)

  it("speaks https and nothing else", function()
    for _, url in ipairs { "http://localhost/", "ftp://x", "file:///etc/passwd", "https://u:p@localhost/" } do
      assert.equal("url", (select(3, client:post(request { url = url }))), url)
    end
  end)

  it("raises on misuse", function()
    for _, wrong in ipairs { { form = 3 }, { form = { 3 } }, { form = { { "a" } } }, { headers = { "a: b\r\nc: d" } },
      { expect = "nonsense" }, { timeout = -1 }, { timeout = "x" } } do
      assert.has_error(function() client:post(request(wrong)) end)
    end
    assert.has_error(function() http.new() end)
    client:close()
    client:close()
    assert.has_error(function() client:post(request()) end)
  end)
end)
