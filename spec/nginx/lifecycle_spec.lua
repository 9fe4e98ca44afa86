-- Reload, stop and sudden death while an exchange is in the air.
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

local HOLDER = [[location = /holder { content_by_lua_block {
  for _, key in ipairs(ngx.shared.entra:get_keys(0)) do
    if key:match("^flight|") then ngx.print(ngx.shared.entra:get(key)) end
  end } }
  location = /token { content_by_lua_block { ngx.print(assert(require("resty.entra").token("api"))) } }]]

describe("with an exchange in the air", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  -- A herd whose one exchange takes a while; returns the function that waits for its outcome.
  local function take_off(requests, ms, path)
    server = nginx.started { server = nginx.API .. HOLDER }
    provider.fault { endpoint = "token", kind = "delay", ms = ms, times = 1 }
    local outcome = server:herd { requests = requests, at_once = requests, path = path }
    server:wait_for("the exchange", function()
      return provider.requests("token") == 1 and tonumber(server:get("/holder").body:match("^%d+"))
    end)
    return outcome
  end

  it("a reload loses no request and no exchange", function()
    local outcome = take_off(400, 2000)
    server:reload()
    local reply = server:get("/api/") -- the new workers wait for the old worker's exchange
    assert.equal(200, reply.status)
    local seen = outcome()
    assert.equal(0, seen.errors, seen.trouble)
    assert.equal(400, seen.statuses["200"])
    assert.is_truthy(seen.bodies[reply.body])
    assert.equal(1, provider.requests("token"))
  end)

  it("a reload without anybody waiting does not lose it either", function()
    server = nginx.started { server = nginx.API .. HOLDER
      .. "location = /peek { content_by_lua_block { require('resty.entra').peek('api') } }" }
    provider.fault { endpoint = "token", kind = "delay", ms = 1500, times = 1 }
    server:get("/peek")
    server:wait_for("the exchange", function() return provider.requests("token") == 1 end)
    server:reload()
    server:wait_for("its end", function() return server:get("/holder").body == "" end)
    assert.equal(200, server:get("/api/").status)
    assert.equal(1, provider.requests("token"))
  end)

  it("a graceful stop answers everybody first", function()
    local outcome = take_off(200, 1500, "/token") -- the upstream, in the same nginx, closes its doors at once
    server:signal("QUIT")
    local seen = outcome()
    assert.equal(200, seen.statuses["200"], seen.trouble)
    server:wait_for("its end", function() return not shell.read(server.prefix .. "/pid") end)
    server.pid = nil
  end)

  it("a fast stop ends, and leaves no worker behind", function()
    local outcome = take_off(50, 60000)
    local pids = server:workers()
    server:stop("TERM")
    assert.is_true(outcome().errors > 0)
    for _, pid in ipairs(pids) do
      assert.is_nil(shell.read(("/proc/%d/status"):format(pid)))
    end
  end)

  it("a killed worker's exchange is begun again by another one, at once", function()
    local outcome = take_off(300, 3000)
    local victim = tonumber(server:get("/holder").body:match("^%d+"))
    server:signal("KILL", victim)
    local seen = outcome()
    local of_victim = seen.errors
    assert.equal(300, (seen.statuses["200"] or 0) + of_victim)
    assert.is_true(seen.statuses["200"] > 0)
    assert.equal(2, provider.requests("token"))
    assert.is_nil(seen.workers[tostring(victim)])
    assert.equal(200, server:get("/api/").status)
  end)
end)

describe("a reload", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  it("keeps the token", function()
    server = nginx.started()
    local before = server:get("/api/").body
    server:reload()
    assert.equal(before, server:get("/api/").body)
    assert.equal(1, provider.requests("token"))
  end)

  it("with another app never serves the first one's token, and with the first again needs no exchange", function()
    server = nginx.started()
    local before = server:get("/api/").body
    local init = nginx.setup():gsub('client_id = "[^"]+"', 'client_id = "99999999-9999-9999-9999-999999999999"')
    server:configure { init = init }
    server:reload()
    assert.equal(503, server:get("/api/").status)
    server:configure {}
    server:reload()
    assert.equal(before, server:get("/api/").body)
  end)

  it("that is wrong keeps the old workers, and names the setting", function()
    server = nginx.started()
    local pids = server:workers()
    shell.write(server.prefix .. "/secret", "")
    server:signal("HUP")
    server:wait_for("the complaint", function()
      return server:log():find("resty.entra.setup: profiles.api.client_secret: ", 1, true)
    end)
    assert.equal(200, server:get("/api/").status)
    assert.same(pids, server:workers())
  end)

  it("after the mistake was mended is not held up by the failure before it", function()
    server = nginx.new()
    shell.write(server.prefix .. "/secret", "wrong")
    server:start()
    assert.equal(503, server:get("/api/").status)
    assert.equal(503, server:get("/api/").status)
    shell.write(server.prefix .. "/secret", provider.start().clients.daemon.secret)
    server:reload()
    assert.equal(200, server:get("/api/").status)
  end)
end)
