-- The life of tokens under a steady load, and what it costs in memory.
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

describe("under a steady load", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  it("tokens are renewed before they expire: no request fails, and each token costs one exchange", function()
    provider.settings { access_token_ttl = 4 }
    server = nginx.started()
    local seen = server:herd { seconds = 10, every = 5 } ()
    assert.equal(0, seen.errors, seen.trouble)
    assert.is_nil(next(seen.statuses, (next(seen.statuses))))
    assert.is_true(seen.statuses["200"] > 500)
    local tokens = 0
    for _ in pairs(seen.bodies) do
      tokens = tokens + 1
    end
    assert.is_true(tokens >= 3)
    local exchanges = provider.requests("token")
    -- The last one may have come when the load had just ended.
    assert.is_true(exchanges == tokens or exchanges == tokens + 1, exchanges .. " exchanges, " .. tokens .. " tokens")
  end)

  it("a slow provider is not noticed while the present token holds", function()
    provider.settings { access_token_ttl = 8, refresh_in = 1 }
    server = nginx.started()
    assert.equal(200, server:get("/api/").status)
    provider.fault { endpoint = "token", kind = "delay", ms = 2000, times = 1 }
    local seen = server:herd { seconds = 4, every = 5 } ()
    assert.is_nil(next(seen.statuses, (next(seen.statuses))))
    assert.is_true(seen.slowest < 2000)
    assert.is_true(provider.requests("token") >= 2)
  end)

  -- One worker and one exchange after the other: nginx makes a Lua state for each that is under way at once,
  -- which is growth, but no leak.
  it("days of tokens leave a worker as large as it was", function()
    server = nginx.started { workers = 1, server = [[
      location = /turn { content_by_lua_block {
        local entra = require("resty.entra")
        entra.purge("api")
        ngx.print((assert(entra.token("api")))) } }
      location = /collect { content_by_lua_block { collectgarbage() collectgarbage() } }]] }
    local turns = { requests = 300, at_once = 1, path = "/turn" } -- six days, renewed at half-life
    local function resident()
      local seen = server:herd(turns) ()
      assert.equal(300, seen.statuses["200"], server:log():sub(-2000))
      server:get("/collect")
      return tonumber(shell.read(("/proc/%d/status"):format(server:workers()[1])):match("RssAnon:%s+(%d+)"))
    end
    resident() -- warm
    local before = resident()
    local growth = resident() - before
    assert.equal(900, provider.requests("token"))
    assert.is_true(growth < 512, growth .. " KiB more after 300 tokens")
  end)
end)
