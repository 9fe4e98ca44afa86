-- Metrics for Prometheus and the state for a health check.
local json = require("dkjson")
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

describe("metrics and status", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  it("count what happened, over all workers", function()
    server = nginx.started()
    server:herd { requests = 200, at_once = 20 } ()
    server:wait_for("all counts", function()
      return server:metric('entra_requests_total{profile="api"}') == 200
    end)
    local l1 = server:metric('entra_hits_total{profile="api",level="l1"}')
    local l2 = server:metric('entra_hits_total{profile="api",level="l2"}')
    local misses = server:metric('entra_misses_total{profile="api"}')
    assert.equal(200, l1 + l2 + misses)
    assert.is_true(misses >= 1 and misses <= 20)
    assert.is_true(l1 > 100)
    assert.equal(1, server:metric('entra_exchanges_total{profile="api",result="ok",aadsts=""}'))
    assert.equal(1, server:metric('entra_exchange_seconds_count{profile="api"}'))
    assert.is_true(server:metric('entra_exchange_seconds_sum{profile="api"}') > 0)
    assert.equal(1, server:metric('entra_exchange_seconds_bucket{profile="api",le="+Inf"}'))
    local expiry = server:metric('entra_token_expiry_seconds{profile="api"}')
    assert.is_true(expiry > 3000 and expiry <= 3600)
    assert.equal(0, server:metric('entra_exchanges_in_flight{profile="api"}'))
  end)

  it("are in Prometheus' text format", function()
    server = nginx.started()
    server:get("/api/")
    local reply = server:get("/metrics")
    assert.equal("text/plain; version=0.0.4; charset=utf-8", reply.headers["content-type"])
    local kinds, last = {}, -1
    for line in reply.body:gmatch("[^\n]+") do
      local name, kind = line:match("^# TYPE (entra_[%w_]+) (%a+)$")
      if name then
        assert.is_nil(kinds[name], name .. " twice")
        kinds[name] = kind
      elseif not line:match("^# HELP entra_[%w_]+ .") then
        local metric, labels, value = line:match("^(entra_[%w_]+){(.*)} (%S+)$")
        assert.is_number(tonumber(value), line)
        assert.equal("", (labels:gsub('[%a_]+="[^"]*",?', "")))
        local family = kinds[metric] and metric or metric:gsub("_%a+$", "")
        assert.is_string(kinds[family], line)
        if metric == "entra_exchange_seconds_bucket" then
          assert.is_true(tonumber(value) >= last)
          last = tonumber(value)
        end
      end
    end
    assert.equal("histogram", kinds.entra_exchange_seconds)
  end)

  it("tell failures by their kind and by Entra's own number", function()
    server = nginx.new()
    shell.write(server.prefix .. "/secret", "wrong")
    server:start()
    assert.equal(503, server:get("/api/").status)
    assert.equal(1, server:metric('entra_exchanges_total{profile="api",result="oauth",aadsts="AADSTS7000215"}'))
    local reply = server:get("/status")
    assert.equal(503, reply.status)
    local state = json.decode(reply.body)
    assert.is_false(state.ok)
    assert.equal("failed", state.profiles.api.state)
    assert.same({ kind = "oauth", code = "invalid_client", aadsts = 7000215 }, state.profiles.api.error)
    assert.is_true(state.profiles.api.retry_in >= 1)
  end)

  it("say that all is well where nobody has asked yet, and where a token is there", function()
    server = nginx.started()
    local reply = server:get("/status")
    assert.equal(200, reply.status)
    assert.same({ ok = true, profiles = { api = { state = "none", in_flight = false } } }, json.decode(reply.body))
    server:get("/api/")
    reply = json.decode(server:get("/status").body)
    assert.equal("ok", reply.profiles.api.state)
    assert.is_true(reply.profiles.api.expires_in > 3000)
  end)
end)
