-- What setup refuses, and what it says it found.
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

local GUID = "11111111-1111-1111-1111-111111111111"

-- setup with these options as Lua text; `api` is a profile that could be.
local function init(options)
  return "init_by_lua_block { local api = { tenant_id = '" .. GUID .. "', client_id = 'x', "
    .. "client_secret = 'file:@prefix@/secret' } require('resty.entra').setup { " .. options .. " } }"
end

local function with(field, value)
  return init(("profiles = { api = { tenant_id = '%s', client_id = 'x', client_secret = 'env:PATH', %s = %s } }")
    :format(GUID, field, value))
end

describe("setup", function()
  local server

  after_each(function()
    server:remove()
  end)

  local REFUSED = {
    { "no profiles", init(""), "profiles: should be a table with at least one profile" },
    { "an empty table", init("profiles = {}"), "profiles: should be a table with at least one profile" },
    { "a setting that is none", init("profiles = { api = api }, dictionary = 'entra'"),
      "dictionary: there is no such setting" },
    { "a name that cannot be", init("profiles = { ['a|b'] = api }"), "profiles: 'a|b' cannot be a name" },
    { "a missing dict", init("profiles = { api = api }, dict = 'nope'"),
      "nginx: dict: there is no 'lua_shared_dict nope 4m;' in the http block" },
    { "a missing pool", init("profiles = { api = api }, pool = 'nope'"),
      "nginx: pool: there is no 'thread_pool nope threads=4;' at the top of nginx.conf" },
    { "a timeout that is none", init("profiles = { api = api }, timeout = 600"),
      "timeout: should be seconds, up to 60" },
    { "a relative store", init("profiles = { api = api }, store = 'store'"), "store: should be an absolute path" },
    { "a store that is not there", init("profiles = { api = api }, store = '@prefix@/none'"),
      "store: there is no folder /tmp/.-/none: install %-d %-o www%-data %-m 0700 /tmp" },
    { "a stored profile without a store", init("profiles = { api = 'production' }"),
      "profiles.api: 'production' is the name of a stored profile, and there is no setting 'store'" },
    { "a stored profile that is not there", init("profiles = { api = 'production' }, store = '@prefix@/empty'"),
      "profiles.api: profile 'production' not found" },
    { "a missing file", with("client_secret", "'file:@prefix@/none'"),
      "profiles.api.client_secret: cannot read /tmp/.-/none: No such file" },
    { "a missing variable", with("client_secret", "'env:NOT_SET'"),
      "profiles.api.client_secret: the environment variable NOT_SET is not set" },
    { "a secret in the configuration itself", with("client_secret", "'5ecret~value'"),
      "profiles.api.client_secret: name where the secret is, 'file:/path' or 'env:NAME'" },
    { "a profile that needs a person", with("client_secret", "nil"),
      "profiles.api: there is no client_secret, and without one a person has to sign in" },
    { "a missing field", init("profiles = { api = { client_id = 'x' } }"),
      "profiles.api: field 'tenant_id' is missing" },
    { "an authority that is not https", with("authority_host", "'http://login.example.com'"), "profiles.api: " },
  }

  for _, case in ipairs(REFUSED) do
    it("refuses " .. case[1] .. " in one sentence", function()
      provider.start()
      server = nginx.new { init = case[2] }
      local result = server:command()
      local said = result.err .. server:log()
      assert.is_true(result.status ~= 0, said)
      local wanted = "resty.entra.setup: " .. case[3]
      assert.is_truthy(said:find(wanted, 1, true) or said:find(wanted), said)
      assert.is_nil(said:find("5ecret", 1, true))
    end)
  end

  it("refuses to be called anywhere else", function()
    provider.start()
    server = nginx.started { init = "init_worker_by_lua_block { require('resty.entra').setup { profiles = {} } }" }
    server:wait_for("the sentence", function()
      return server:log():find("resty.entra.setup: to be called in init_by_lua", 1, true)
    end)
    assert.equal(500, server:get("/api/").status)
    assert.is_truthy(server:log():find("resty.entra: call setup in init_by_lua first", 1, true))
  end)

  it("refuses an nginx into which a second OpenSSL was brought", function()
    provider.start()
    server = nginx.new { init = nginx.setup():gsub("_block { ", "%0require('ffi').load('@prefix@/libssl-2.so.3') ", 1) }
    os.execute(("cp -L $(ldd /usr/sbin/nginx | awk '/libssl/ {print $3}') %s/libssl-2.so.3"):format(server.prefix))
    local result = server:command()
    assert.is_true(result.status ~= 0)
    assert.is_truthy((result.err .. server:log()):find("nginx and libcurl bring two OpenSSLs into one process",
      1, true))
  end)

  it("says in one line what it found", function()
    provider.reset()
    server = nginx.started()
    local _, lines = server:log():gsub("entra 0", "")
    assert.equal(1, lines)
    assert.matches("%[notice%].-entra 0%S+: profiles api; threads yes, thread_pool entra, "
      .. "lua_shared_dict entra 4096 KiB, OpenSSL: nginx OpenSSL 3%S+, libcurl OpenSSL/3%S+, libcurl/%S+; no store",
      server:log())
  end)

  it("reads secrets as the user that starts nginx, and workers never see the file", function()
    provider.reset()
    server = nginx.started { server = nginx.API .. [[location = /read { content_by_lua_block {
      ngx.print(tostring(io.open("@prefix@/secret")), os.getenv("SECRET")) } }]] }
    assert.equal(200, server:get("/api/").status)
    if nginx.WORKERS_USER == "www-data" then
      assert.equal("nilnil", server:get("/read").body)
    end
    assert.equal("600", shell.capture("stat -c %a " .. server.prefix .. "/secret"))
  end)

  it("warns of a store that belongs to root, whom the workers are not, who then refuse it", function()
    provider.reset()
    server = nginx.new { init = nginx.setup("store = '@prefix@/store'") }
    os.execute(("install -d -m 700 %s/store"):format(server.prefix))
    server:start()
    if nginx.WORKERS_USER == "www-data" then
      assert.matches("belongs to root: workers of another user cannot use it", server:log())
      -- What is somebody else's is not passed over in silence: the log says what to run.
      assert.equal(503, server:get("/api/").status)
      server:wait_for("the remedy", function() return server:log():find("chown", 1, true) end)
    end
  end)
end)

describe("an installation for OpenResty", function()
  it("is what OpenResty searches by itself, sources and C modules, and no program", function()
    local folder = shell.folder()
    shell.capture(("make -s LUA=luajit install-openresty PREFIX=/usr/local/openresty DESTDIR=%s"):format(folder))
    local root = folder .. "/usr/local/openresty"
    assert.equal("site\n", shell.capture("ls " .. root) .. "\n")
    local loaded = shell.run(([[cd / && luajit -e '
      package.path, package.cpath = "%s/site/lualib/?.lua;%s/site/lualib/?/init.lua;" .. package.path,
        "%s/site/lualib/?.so;" .. package.cpath
      ngx = { var = {} }
      print(require("resty.entra")._VERSION, require("entra").VERSION, require("entra.http").version():match("^%%a+"))'
      ]]):format(root, root, root), { PATH = "/usr/bin:/bin" })
    assert.matches("^0%S+\t0%S+\tlibcurl\n$", loaded.out, loaded.err)
    assert.is_nil(shell.read(root .. "/site/lualib/entra/cli/main.lua"))
    os.execute("rm -rf " .. folder)
  end)
end)
