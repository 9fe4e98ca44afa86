-- The third level: a sealed store of the workers' user, shared with entra-auth-cli.
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

describe("with a store", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  local function new(parts)
    parts = parts or {}
    parts.init = parts.init or nginx.setup("store = '@prefix@/store'")
    server = nginx.new(parts)
    os.execute(("install -d -o %s -m 700 %s/store"):format(nginx.WORKERS_USER, server.prefix))
    os.execute(("cp -r build/luajit/bin %s/tree/bin-here; mkdir -p %s/tree/bin; mv %s/tree/bin-here/* %s/tree/bin")
      :format(server.prefix, server.prefix, server.prefix, server.prefix))
    return server
  end

  -- entra-auth-cli as the workers' user, on their store.
  local function cli(arguments, stdin)
    local become = shell.capture("id -u") == "0" and "runuser -u " .. nginx.WORKERS_USER .. " -- " or ""
    local result = shell.run(("cd / && %senv -i PATH=/usr/bin:/bin ENTRA_AUTH_CLI_HOME=%s/store "
      .. "SSL_CERT_FILE=%s/ca.pem AZURE_AUTHORITY_HOST=%s %s/tree/bin/entra-auth-cli %s"):format(become,
      server.prefix, server.prefix, server.idp.base, server.prefix, arguments),
      { PATH = "/usr/sbin:/usr/bin:/sbin:/bin" }, stdin)
    assert.equal(0, result.status, result.err)
    return result.out
  end

  it("a restart of nginx needs no exchange", function()
    new():start()
    local token = server:get("/api/").body
    server:stop()
    server:start()
    assert.equal(token, server:get("/api/").body)
    assert.equal(1, provider.requests("token"))
    assert.equal(1, server:metric('entra_hits_total{profile="api",level="l3"}'))
  end)

  it("a restart while the provider is down needs none either", function()
    new():start()
    server:get("/api/")
    server:stop()
    provider.fault { endpoint = "token", kind = "hang" }
    server:start()
    assert.equal(200, server:get("/api/").status)
  end)

  it("a profile of the CLI is used by its name, and its token is the CLI's", function()
    new { init = "init_by_lua_block { require('resty.entra').setup { profiles = { api = 'production' }, "
      .. "store = '@prefix@/store' } }" }
    local app = server.idp.clients.daemon
    cli(("config create -n production --tenant %s --client-id %s --client-secret-stdin"):format(
      server.idp.tenant, app.client_id), app.secret)
    server:start()
    local token = server:get("/api/").body
    assert.equal(token, "Bearer " .. cli("get-token -p production"):gsub("\n", ""))
    assert.equal(1, provider.requests("token"))
    -- What was changed behind nginx's back is not mixed with what it read.
    cli(("config create --force -n production --tenant %s --client-id %s --client-secret-stdin"):format(
      server.idp.tenant, server.idp.clients.expired.client_id), app.secret)
    assert.equal(token, server:get("/api/").body)
  end)

  it("a person's profile keeps its rotated refresh tokens, and the herd turns each only once", function()
    new { init = "init_by_lua_block { require('resty.entra').setup { profiles = { api = 'me' }, "
      .. "store = '@prefix@/store' } }" }
    provider.settings { auto_approve = true, device_interval = 0, rotation = "strict", access_token_ttl = 4 }
    cli(("config create -n me --tenant %s --client-id %s --scope 'User.Read offline_access'"):format(
      server.idp.tenant, server.idp.clients.public.client_id))
    cli("get-token -p me")
    server:start()
    local seen = server:herd { seconds = 7, every = 5 } ()
    assert.is_nil(next(seen.statuses, (next(seen.statuses))))
    assert.is_true(seen.statuses["200"] > 300)
    assert.is_true(provider.tokens("refresh_token") >= 2)
    -- A replay would have revoked the family: this refresh would fail.
    cli("refresh -p me")
  end)

  it("a person who has to sign in is a failure like any other, with the remedy in the log", function()
    new { init = "init_by_lua_block { require('resty.entra').setup { profiles = { api = 'me' }, "
      .. "store = '@prefix@/store' } }" }
    cli(("config create -n me --tenant %s --client-id %s --scope 'User.Read offline_access'"):format(
      server.idp.tenant, server.idp.clients.public.client_id))
    server:start()
    assert.equal(503, server:get("/api/").status)
    assert.matches("profile 'api': .-entra%-auth%-cli get%-token %-%-profile me", server:log())
    assert.equal(0, provider.requests("devicecode"))
  end)

  it("a lock that another program does not give back holds an app up for a second, not for good", function()
    new { server = nginx.API .. "location = /purge { content_by_lua_block { require('resty.entra').purge('api') } }" }
    server:start()
    local token = server:get("/api/").body
    local pipe = io.popen(("flock %s/store/records/*.lock sh -c 'echo $$; exec sleep 20'"):format(server.prefix))
    local pid = tonumber(pipe:read("*l"))
    server:get("/purge")
    local second
    server:wait_for("another token", function()
      local reply = server:get("/api/")
      assert.equal(200, reply.status)
      second = reply.body
      return second ~= token
    end)
    assert.matches("%[warn%].-working without a store: timed out waiting for another process", server:log())
    server:signal("TERM", pid)
    pipe:close()
  end)
end)
