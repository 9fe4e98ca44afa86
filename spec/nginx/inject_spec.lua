-- resty.entra in a real nginx: what a request gets, hot and cold.
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

local BEARER = "^Bearer eyJ[%w_-]+%.[%w_-]+%.[%w_-]+$"

local function sole(bodies)
  local body, n = next(bodies)
  assert.is_nil(next(bodies, body))
  return body, n
end

describe("inject", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    if server then
      server:remove()
      server = nil
    end
  end)

  it("sends the upstream a token, and asks for one only once", function()
    server = nginx.started()
    local first = server:get("/api/")
    assert.equal(200, first.status, server:log())
    assert.matches(BEARER, first.body)
    for _ = 1, 5 do
      assert.equal(first.body, server:get("/api/").body)
    end
    assert.equal(1, provider.requests("token"))
  end)

  it("answers a thousand cold requests over two workers with one exchange", function()
    server = nginx.started()
    provider.fault { endpoint = "token", kind = "delay", ms = 600, times = 1 }
    local seen = server:herd { requests = 1000, at_once = 1000 } ()
    assert.equal(0, seen.errors, server:log())
    assert.equal(1000, seen.statuses["200"], server:log())
    local body, n = sole(seen.bodies)
    assert.matches(BEARER, body)
    assert.equal(1000, n)
    assert.equal(1, provider.requests("token"))
    local workers = 0
    for _ in pairs(seen.workers) do
      workers = workers + 1
    end
    assert.equal(2, workers)
  end)

  it("never lets a client's own Authorization through", function()
    server = nginx.started { server = nginx.API .. [[
      location /bare/ { # without proxy_set_header: the client's own would go on, if it were still there
        set $bearer "";
        access_by_lua_block { require("resty.entra").inject("api") }
        proxy_pass http://unix:@prefix@/upstream.sock;
      }
      location /open/ {
        set $bearer "";
        access_by_lua_block { require("resty.entra").inject("api", { on_error = function() return true end }) }
        proxy_set_header Authorization $bearer;
        proxy_pass http://unix:@prefix@/upstream.sock;
      }]] }
    local spoof = "-H 'authorization: Bearer spoofed'"
    provider.fault { endpoint = "token", kind = "status", status = 400, times = 1 }
    assert.equal("", server:get("/open/", spoof).body)
    provider.reset()
    server:wait_for("the end of the pause", function() return server:get("/api/").status == 200 end)
    assert.matches(BEARER, server:get("/api/", spoof).body)
    assert.equal("", server:get("/bare/", spoof).body)
  end)

  it("works over HTTP/2", function()
    server = nginx.started()
    local body = shell.capture(("curl -sS --http2-prior-knowledge -w ' %%{http_version}' --unix-socket %s/h2.sock "
      .. "http://localhost/api/"):format(server.prefix))
    assert.matches("^Bearer eyJ.* 2$", body)
  end)

  it("works with lua_code_cache off, where every request has a Lua state of its own", function()
    server = nginx.new { http = nginx.DICT .. "lua_code_cache off;" }
    os.execute(("chmod 644 %s/secret"):format(server.prefix)) -- init_by_lua runs in the workers then
    server:start()
    local seen = server:herd { requests = 50, at_once = 20 } ()
    assert.equal(50, seen.statuses["200"], server:log())
    assert.equal(1, provider.requests("token"))
  end)

  it("sets the variable it is told to, of the profile it is told", function()
    local fields = ([[ authority_host = "%s", tenant_id = "%s", client_id = "%s", client_secret = "env:SECRET",]])
      :format(provider.start().base, provider.start().tenant, provider.start().clients.daemon.client_id)
    server = nginx.started {
      environment = { SECRET = provider.start().clients.daemon.secret },
      init = ([[init_by_lua_block { require("resty.entra").setup { profiles = {
        graph = { %s }, vault = { %s scopes = "https://vault.azure.net/.default" } } } }]]):format(fields, fields),
      server = [[location ~ ^/(graph|vault)$ {
        set $profile $1; set $other "";
        access_by_lua_block { require("resty.entra").inject(ngx.var.profile, { var = "other" }) }
        proxy_set_header Authorization $other;
        proxy_pass http://unix:@prefix@/upstream.sock;
      }]] }
    local graph, vault = server:get("/graph").body, server:get("/vault").body
    assert.matches(BEARER, graph)
    assert.matches(BEARER, vault)
    assert.are_not.equal(graph, vault)
    assert.equal(2, provider.requests("token"))
  end)

  it("is an error of the programmer's where the profile does not exist", function()
    server = nginx.started { server = [[location / {
      access_by_lua_block { require("resty.entra").inject("nope") } proxy_pass http://unix:@prefix@/upstream.sock; }]] }
    assert.equal(500, server:get("/").status)
    assert.is_truthy(server:log():find("access_by_lua(nginx.conf:31):1: resty.entra: profile 'nope' is not among those",
      1, true), server:log())
  end)
end)

describe("token, peek and purge", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    server:remove()
  end)

  local function lua(phase, code)
    return ("location = /%s { %s_by_lua_block { local entra = require('resty.entra') %s } }"):format(phase, phase, code)
  end

  it("hand out a token in content, and the time it ends", function()
    server = nginx.started { server = lua("content", [[
      local token, expires = entra.token("api")
      ngx.print(token, " ", expires - ngx.time() > 3000 and "fresh")]]) }
    assert.matches("^eyJ%S+ fresh$", server:get("/content").body)
  end)

  it("give set_by_lua what is there, and fetch what is not", function()
    server = nginx.started { server = [[location / {
      set_by_lua_block $bearer { return require("resty.entra").peek("api") }
      proxy_set_header Authorization $bearer;
      proxy_pass http://unix:@prefix@/upstream.sock; }]] }
    assert.equal("", server:get("/").body)
    server:wait_for("the token", function() return server:get("/").body:match(BEARER) end)
    assert.equal(1, provider.requests("token"))
  end)

  it("refuse to wait where nobody can", function()
    server = nginx.started { server = "location / { return 200 x; } " .. [[location = /log {
      return 200 "logged";
      log_by_lua_block { require("resty.entra").token("api") } }]] }
    server:get("/log")
    server:wait_for("the sentence", function()
      return server:log():find("a token cannot be waited for in the log phase: use peek", 1, true)
    end)
  end)

  it("fetch another after a purge, in every worker, store or not", function()
    local made = nginx.new { server = nginx.API .. "location = /purge { content_by_lua_block { "
      .. "require('resty.entra').purge('api') } }", init = nginx.setup("store = '@prefix@/store'") }
    server = made
    os.execute(("install -d -o %s -m 700 %s/store"):format(nginx.WORKERS_USER, made.prefix))
    server:start()
    local first = server:get("/api/").body
    server:get("/purge")
    local second
    server:wait_for("another token everywhere", function()
      second = server:herd { requests = 40, at_once = 20 } ().bodies
      return not second[first]
    end)
    assert.matches(BEARER, (sole(second)))
    assert.equal(2, provider.requests("token"))
  end)

  it("leave the plain library's blocking exchange refused on the event loop", function()
    server = nginx.started { server = lua("content", ([[
      local p = require("entra").profile { tenant_id = %q, client_id = "x", client_secret = "y" }
      local _, err = p:token()
      ngx.print(err.kind, " ", err.code, " ", tostring(err))]]):format(provider.start().tenant)) }
    assert.equal("usage would_block a token exchange would block nginx's event loop: use resty.entra's inject or token",
      server:get("/content").body)
    assert.equal(0, provider.requests("token"))
  end)
end)
