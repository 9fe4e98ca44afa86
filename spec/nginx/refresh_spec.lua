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

  -- One worker and one thread: each further thread makes its Lua state when it is first needed, which is
  -- growth, but no leak.
  it("days of tokens leave a worker as large as it was", function()
    provider.settings { access_token_ttl = 2 }
    local profiles, names = {}, {}
    local daemon = provider.start().clients.daemon
    for i = 1, 25 do
      profiles[i] = ("p%d = { tenant_id = '%s', client_id = '%s', client_secret = 'file:@prefix@/secret', "
        .. "authority_host = '%s' }"):format(i, provider.start().tenant, daemon.client_id, provider.start().base)
      names[i] = ("'p%d'"):format(i)
    end
    server = nginx.started { workers = 1, main = "thread_pool entra threads=1;",
      init = ("init_by_lua_block { require('resty.entra').setup { profiles = { %s } } }")
        :format(table.concat(profiles, ", ")),
      server = ("location /api/ { content_by_lua_block { for _, name in ipairs { %s } do "
        .. "assert(require('resty.entra').token(name)) end } } "
        .. "location = /collect { content_by_lua_block { collectgarbage() collectgarbage() } }"):format(table.concat(names, ", ")),
    }
    local function resident()
      server:get("/collect")
      return tonumber(shell.read(("/proc/%d/status"):format(server:workers()[1])):match("RssAnon:%s+(%d+)"))
    end
    local load = { seconds = 5, every = 10 }
    for _ = 1, 2 do -- the allocators settle within some three hundred exchanges
      assert.equal(0, server:herd(load) ().statuses["500"] or 0, server:log():sub(-2000))
    end
    local before, tokens = resident(), provider.requests("token")
    assert.equal(0, server:herd(load) ().statuses["500"] or 0)
    assert.equal(0, server:herd(load) ().statuses["500"] or 0)
    tokens = provider.requests("token") - tokens
    assert.is_true(tokens >= 96, "only " .. tokens .. " tokens") -- two days of one profile's, renewed at half-life
    local growth = resident() - before
    assert.is_true(growth < 1024, growth .. " KiB more after " .. tokens .. " tokens")
  end)
end)
