-- Every example is started and asked. What is replaced is what a reader replaces: names, paths and upstreams.
local json = require("dkjson")
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

local BEARER = "^Bearer eyJ[%w_-]+%.[%w_-]+%.[%w_-]+$"

local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

describe("the example", function()
  local server

  before_each(function() provider.reset() end)
  after_each(function()
    if server then
      server:remove()
      server = nil
    end
  end)

  -- The example as a server of ours; not started yet. `text` is one that is no file of its own.
  local function open(name, text)
    server = nginx.new { workers = 1 }
    text = text or shell.read("examples/nginx/" .. name .. ".conf")
    local idp = server.idp
    local function change(from, to)
      local n
      text, n = text:gsub(from, (to:gsub("%%", "%%%%")))
      assert(n > 0, name .. " has no " .. from)
    end
    change(plain "include /etc/nginx/modules-enabled/*.conf;", ([[
      load_module /usr/lib/nginx/modules/ndk_http_module.so;
      load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
      pid %s/pid; error_log %s/error.log notice; env SSL_CERT_FILE;]]):format(server.prefix, server.prefix))
    if nginx.WORKERS_USER ~= "www-data" then
      change("user www%-data;", "")
    end
    change("http {", ([[http {
      access_log off;
      client_body_temp_path %s/temp; proxy_temp_path %s/temp; fastcgi_temp_path %s/temp;
      uwsgi_temp_path %s/temp; scgi_temp_path %s/temp;
      lua_package_path "%s/tree/share/lua/5.1/?.lua;%s/tree/share/lua/5.1/?/init.lua;;";
      lua_package_cpath "%s/tree/lib/lua/5.1/?.so;;";
      server { listen unix:%s/upstream.sock; location / { return 200 "$http_authorization"; } }
      ]]):gsub("%%s", server.prefix))
    change("listen [%d.:]*8080;", ("listen unix:%s/http.sock;"):format(server.prefix))
    change("proxy_pass https://[^;]*;", ("proxy_pass http://unix:%s/upstream.sock;"):format(server.prefix))
    if text:find("contoso.onmicrosoft.com\",", 1, true) then
      change(plain [[tenant_id = "contoso.onmicrosoft.com",]],
        ([[tenant_id = %q, authority_host = %q,]]):format(idp.tenant, idp.base))
      change(plain "12345678-1234-1234-1234-123456789abc", idp.clients.daemon.client_id)
      change("/etc/entra/secret", server.prefix .. "/secret")
    end
    if text:find("/var/lib/entra\"", 1, true) then
      change("/var/lib/entra", server.prefix .. "/store")
      os.execute(("install -d -o %s -m 700 %s/store"):format(nginx.WORKERS_USER, server.prefix))
    end
    shell.write(server.prefix .. "/nginx.conf", text)
    return server
  end

  it("gateway.conf sends a token, and entra's part of it is ten lines", function()
    open("gateway"):start()
    assert.matches(BEARER, server:get("/v1.0/users").body)
    local lines = 0
    for line in shell.read("examples/nginx/gateway.conf"):gmatch("[^\n]+") do
      local is_own = line:match("thread_pool") or line:match("lua") or line:match("bearer") or line:match("entra")
        or line:match("client_id")
      lines = lines + (is_own and not line:match("^#") and 1 or 0)
    end
    assert.is_true(lines <= 10, lines .. " lines")
  end)

  it("several.conf sends each upstream its own", function()
    open("several"):start()
    local graph, vault = server:get("/graph/me").body, server:get("/vault/secrets").body
    assert.matches(BEARER, graph)
    assert.matches(BEARER, vault)
    assert.are_not.equal(graph, vault)
    server:stop()
    server:start()
    assert.equal(graph, server:get("/graph/me").body)
    assert.equal(2, provider.requests("token"))
    server:stop()
    os.execute(("rm -rf %s/store/*"):format(server.prefix))
    provider.fault { endpoint = "token", kind = "status", status = 429, retry_after = 30 }
    server:start()
    local reply = server:get("/vault/secrets")
    assert.equal(503, reply.status)
    assert.equal("the vault is closed: network\n", reply.body)
  end)

  it("person.conf acts for somebody who has signed in", function()
    open("person")
    os.execute(("cp build/luajit/bin/entra-auth-cli %s/tree/bin/"):format(server.prefix))
    local commands = {}
    for line in shell.read("examples/nginx/person.conf"):gsub("\\\n#", ""):gmatch("[^\n]+") do
      commands[#commands + 1] = line:match("^#   (www .*)$")
    end
    assert.equal(2, #commands)
    provider.settings { auto_approve = true, device_interval = 0 }
    local become = shell.capture("id -u") == "0" and "runuser -u " .. nginx.WORKERS_USER .. " --" or ""
    local script = ("cd /; www() { %s env ENTRA_AUTH_CLI_HOME=%s/store %s/tree/bin/entra-auth-cli \"$@\"; }; set -e\n")
      :format(become, server.prefix, server.prefix) .. table.concat(commands, "\n")
    script = script:gsub("87654321%-4321%-4321%-4321%-cba987654321", server.idp.clients.public.client_id)
      :gsub("contoso%.onmicrosoft%.com", server.idp.tenant)
    local result = shell.run(script, { PATH = "/usr/sbin:/usr/bin:/sbin:/bin",
      SSL_CERT_FILE = server.prefix .. "/ca.pem", AZURE_AUTHORITY_HOST = server.idp.base })
    assert.equal(0, result.status, result.err)
    server:start()
    assert.equal("Bearer " .. result.out:match("(eyJ%S+)"), server:get("/v1.0/me").body)
  end)

  it("metrics.conf shows what it does, in numbers that the dashboard asks for", function()
    open("metrics"):start()
    server:wait_for("a token", function() return server:get("/v1.0/users").body:match(BEARER) end)
    assert.equal(200, server:get("/healthz").status)
    local text = server:get("/metrics").body
    local dashboard = assert(json.decode(shell.read("examples/nginx/dashboard.json")))
    local asked = 0
    for _, panel in ipairs(dashboard.panels) do
      for _, target in ipairs(panel.targets) do
        for metric in target.expr:gmatch("entra_[%w_]+") do
          assert.is_truthy(text:find("\n" .. metric .. "{", 1, true), metric)
          asked = asked + 1
        end
      end
    end
    assert.is_true(asked >= 7)
  end)

  -- What every nginx.conf has and no reader needs to be told.
  local AROUND = "include /etc/nginx/modules-enabled/*.conf;\nuser www-data;\nevents {}\n"

  it("of the README sends a token", function()
    local block = shell.read("README.md"):match("```nginx\n(.-)```")
    open("README.md", AROUND .. block:gsub("server {\n", "%0    listen 8080;\n")):start()
    assert.matches(BEARER, server:get("/v1.0/users").body)
  end)

  -- The parts of a configuration behind each `@usage`: of setup, and the locations by their paths.
  local function parts_of_reference()
    local init, locations, part, functions = nil, {}, nil, 0
    for line in shell.read("lua/resty/entra.lua"):gmatch("([^\n]*)\n") do
      if line == "-- @usage" then
        part = {}
      elseif part and line:match("^%-%- ") then
        part[#part + 1] = line:sub(4)
      elseif line:match("^function entra") then
        assert.is_truthy(part, "no example: " .. line)
        local text = table.concat(part, "\n") .. "\n"
        local path = text:match("^location (%S+)")
        if path then
          locations[path] = text
        else
          init = text
        end
        part, functions = nil, functions + 1
      end
    end
    return init, locations, functions
  end

  it("of each function of the reference works, all in one server", function()
    local init, locations, functions = parts_of_reference()
    local text = { AROUND, "thread_pool entra threads=4;\nhttp {\nlua_shared_dict entra 4m;\n", init,
      "server {\nlisten 8080;\n" }
    for _, location in pairs(locations) do
      text[#text + 1] = location
    end
    open("reference", table.concat(text) .. "}\n}\n"):start()
    local answers = {
      ["/api/"] = BEARER, ["/optional/"] = BEARER, ["/expires"] = "^at %d+", ["/metrics"] = "\nentra_[%w_]+{",
      ["/healthz"] = '^{.*"api"', ["/purge"] = "^forgotten",
    }
    for _, path in ipairs { "/api/", "/optional/", "/expires", "/metrics", "/healthz", "/purge" } do
      local reply = server:get(path)
      assert.equal(200, reply.status, path)
      assert.matches(answers[path], reply.body)
      locations[path], functions = nil, functions - 1
    end
    assert.same({}, locations)
    assert.equal(1, functions) -- setup
  end)
end)
