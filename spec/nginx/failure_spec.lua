-- What requests see while the provider is slow, down, overloaded or talks nonsense.
local json = require("dkjson")
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")

describe("without a token", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  it("a request gets 503, a Retry-After, and nothing about why", function()
    server = nginx.started()
    provider.fault { endpoint = "token", kind = "status", status = 429, retry_after = 40 }
    local reply = server:get("/api/")
    assert.equal(503, reply.status)
    local seconds = tonumber(reply.headers["retry-after"])
    assert.is_true(seconds > 30 and seconds <= 40)
    assert.equal("application/json", reply.headers["content-type"])
    assert.equal("no-store", reply.headers["cache-control"])
    assert.same({ error = "token_unavailable", retry_after = seconds }, json.decode(reply.body))
    assert.is_truthy(server:log():find("[error]", 1, true))
    assert.matches("entra: profile 'api': .-; wait 40 seconds, then try again", server:log())
  end)

  it("the provider's Retry-After binds every worker, and a reload", function()
    server = nginx.started()
    provider.fault { endpoint = "token", kind = "status", status = 429, retry_after = 40 }
    local seen = server:herd { requests = 300, at_once = 100 } ()
    assert.equal(300, seen.statuses["503"])
    server:reload()
    assert.equal(503, server:get("/api/").status)
    assert.equal(1, provider.requests("token"))
  end)

  it("a herd on a provider that is down makes no more than one attempt, and the next comes after a pause", function()
    server = nginx.started()
    provider.fault { endpoint = "token", kind = "status", status = 500, body = "down", retry_after = 2, times = 1 }
    local seen = server:herd { requests = 300, at_once = 300 } ()
    assert.equal(300, seen.statuses["503"])
    assert.equal(1, provider.requests("token"))
    assert.is_true(server:metric('entra_negative_cache_seconds{profile="api"}') > 0)
    server:wait_for("the end of the pause", function() return server:get("/api/").status == 200 end)
    assert.equal(2, provider.requests("token"))
    assert.equal(0, server:metric('entra_negative_cache_seconds{profile="api"}'))
  end)

  it("pauses grow while it stays down", function()
    server = nginx.started { init = nginx.setup("timeout = 1") }
    provider.fault { endpoint = "token", kind = "reset" }
    local pauses = {}
    server:wait_for("two pauses", function()
      local pause = tonumber(server:get("/api/").headers["retry-after"])
      pauses[#pauses + 1] = pause > (pauses[#pauses] or 0) and pause or nil
      return pauses[#pauses] == 4
    end)
    assert.same({ 2, 4 }, pauses)
  end)

  it("an exchange that hangs ends in time, and no worker is blocked by it", function()
    server = nginx.started { workers = 1, init = nginx.setup("timeout = 2"),
      server = nginx.API .. "location = /ping { return 200 pong; }" }
    provider.fault { endpoint = "token", kind = "hang" }
    local outcome = server:herd { requests = 50, at_once = 50 }
    server:wait_for("the exchange", function()
      return server:metric('entra_exchanges_in_flight{profile="api"}') == 1
    end)
    assert.equal("pong", server:get("/ping").body)
    assert.equal(1, server:metric('entra_exchanges_in_flight{profile="api"}')) -- the one worker answered meanwhile
    local seen = outcome()
    assert.equal(50, seen.statuses["503"])
    assert.equal(0, server:metric('entra_exchanges_in_flight{profile="api"}'))
    assert.matches('entra_exchanges_total{profile="api",result="timeout",aadsts=""} 1\n', server:get("/metrics").body)
  end)

  it("nonsense never becomes a header", function()
    local nonsense = {
      { kind = "html" }, { kind = "raw_body", body = "{" }, { kind = "crlf_token" }, { kind = "wrong_type" },
      { kind = "json", body = { token_type = "Bearer", expires_in = 3599, access_token = "a,b;c" } },
      { kind = "json", body = { token_type = "Bearer", expires_in = 3599, access_token = "" } },
      { kind = "big" },
    }
    server = nginx.started { server = nginx.API .. "location = /forgive { content_by_lua_block { "
      .. "for _, key in ipairs(ngx.shared.entra:get_keys(0)) do "
      .. "if key:match('^failure') then ngx.shared.entra:delete(key) end end } }" }
    for _, fault in ipairs(nonsense) do
      provider.reset()
      fault.endpoint = "token"
      provider.fault(fault)
      assert.equal(503, server:get("/api/").status, fault.kind)
      server:get("/forgive")
    end
    assert.matches("not a b64token", server:log())
  end)

  it("a hook can answer in the page's place", function()
    server = nginx.started { server = [[location / {
      set $bearer "";
      access_by_lua_block { require("resty.entra").inject("api", { on_error = function(err, seconds)
        ngx.header["X-Kind"] = err.kind .. " " .. tostring(err.aadsts) .. " " .. tostring(seconds > 1)
        return ngx.exit(502)
      end }) }
      proxy_pass http://unix:@prefix@/upstream.sock; }]], init = nginx.setup("", 'scopes = "api://nope/.default"') }
    local reply = server:get("/")
    assert.equal(502, reply.status)
    assert.matches("^oauth 500011%.?0? true$", reply.headers["x-kind"])
  end)

  it("a request waits no longer than it was told", function()
    server = nginx.started { server = [[location / { content_by_lua_block {
      local token, err = require("resty.entra").token("api", { timeout = 0.2 })
      ngx.print(token == nil, " ", err.kind) } }]] }
    provider.fault { endpoint = "token", kind = "delay", ms = 1500 }
    assert.equal("true timeout", server:get("/").body)
  end)
end)

describe("with a token", function()
  it("a provider that is down is not noticed until the token expires, and not for long after it is back", function()
    provider.reset()
    provider.settings { access_token_ttl = 6 }
    local server = nginx.started { init = nginx.setup("timeout = 1") }
    local first = server:get("/api/").body
    provider.fault { endpoint = "token", kind = "reset" }
    server:wait_for("a failed refresh", function()
      local reply = server:get("/api/")
      assert.equal(200, reply.status)
      assert.equal(first, reply.body)
      return server:log():find("the present token still holds", 1, true)
    end)
    assert.matches('"state":"failing"', server:get("/status").body)
    server:wait_for("its end", function() return server:get("/api/").status == 503 end)
    assert.equal(503, server:get("/status").status)
    provider.reset()
    server:wait_for("the provider's return", function() return server:get("/api/").status == 200 end)
    assert.are_not.equal(first, server:get("/api/").body)
    server:remove()
  end)
end)
