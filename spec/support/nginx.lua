-- An nginx of the spec's own: its prefix under /tmp, since the workers run as www-data, whom a clone under
-- somebody's home is closed to. It listens on sockets in that folder, so no port is ever taken twice.
local json = require("dkjson")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

local nginx = {}
nginx.__index = nginx

local IS_ROOT = shell.capture("id -u") == "0"
local TREE = shell.capture("realpath build/luajit/installed")

nginx.WORKERS_USER = IS_ROOT and "www-data" or shell.capture("id -un")

local MAIN = [[
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
@user@
pid @prefix@/pid;
error_log @prefix@/error.log notice;
worker_processes @workers@;
worker_rlimit_nofile 8192;
worker_shutdown_timeout 20s;
env SSL_CERT_FILE;
@main@
events { worker_connections 4096; }
http {
  log_format all '$request $status $http_authorization $upstream_http_authorization $sent_http_authorization';
  access_log @prefix@/access.log;
  client_body_temp_path @prefix@/temp; proxy_temp_path @prefix@/temp; fastcgi_temp_path @prefix@/temp;
  uwsgi_temp_path @prefix@/temp; scgi_temp_path @prefix@/temp;
  lua_package_path "@tree@/share/lua/5.1/?.lua;@tree@/share/lua/5.1/?/init.lua;;";
  lua_package_cpath "@tree@/lib/lua/5.1/?.so;;";
  @http@
  # Says what it was sent. A full backlog would refuse a herd on a unix socket at once.
  server {
    listen unix:@prefix@/upstream.sock backlog=4096;
    location / { access_log off; return 200 "$http_authorization"; }
  }
  server {
    listen unix:@prefix@/http.sock backlog=4096; listen unix:@prefix@/h2.sock http2;
    @server@
  }
}
]]

-- The ten lines that a user writes, as parts of a configuration.
nginx.POOL = "thread_pool entra threads=4;"
nginx.DICT = "lua_shared_dict entra 4m;"
nginx.API = [[
    location /api/ {
      set $bearer "";
      access_by_lua_block { require("resty.entra").inject("api") }
      proxy_set_header Authorization $bearer;
      proxy_pass http://unix:@prefix@/upstream.sock;
      add_header X-Worker $pid;
    }
    location = /metrics { content_by_lua_block { require("resty.entra").metrics() } }
    location = /status { content_by_lua_block { require("resty.entra").status() } }
]]

-- The setup of one profile `api`, the test provider's daemon; `more` are further settings, in Lua.
function nginx.setup(more, fields)
  local idp = provider.start()
  return ([[init_by_lua_block { require("resty.entra").setup {
    profiles = { api = { tenant_id = "%s", client_id = "%s", client_secret = "file:@prefix@/secret",
      authority_host = "%s", %s } }, %s } }]]):format(idp.tenant, idp.clients.daemon.client_id, idp.base,
    fields or "", more or "")
end

-- Parts: `main`, `http`, `server` (configuration), `init` (init_by_lua), `workers`, `environment`; each has a
-- default. Nothing is started yet.
function nginx.new(parts)
  parts = parts or {}
  local idp = provider.start()
  local self = setmetatable({ idp = idp, parts = parts }, nginx)
  self.prefix = shell.capture("mktemp -d /tmp/entra-nginx.XXXXXX")
  os.execute(("chmod 755 %s; cp -r %s %s/tree; install -d -m 777 %s/temp; install -d -m 700 %s/empty"):format(
    self.prefix, TREE, self.prefix, self.prefix, self.prefix))
  os.execute(("install -m 644 %s %s/ca.pem"):format(idp.ca, self.prefix))
  shell.write(self.prefix .. "/secret", idp.clients.daemon.secret .. "\n")
  os.execute(("chmod 600 %s/secret"):format(self.prefix)) -- root's: only init_by_lua may read it
  self:configure(parts)
  return self
end

function nginx:configure(parts)
  local values = {
    user = IS_ROOT and "user " .. nginx.WORKERS_USER .. ";" or "", workers = parts.workers or 2,
    main = parts.main or nginx.POOL, server = parts.server or nginx.API,
    http = (parts.http or nginx.DICT) .. "\n" .. (parts.init or nginx.setup()),
    prefix = self.prefix, tree = self.prefix .. "/tree",
  }
  local text = MAIN
  for _ = 1, 2 do -- parts name the prefix too
    text = text:gsub("@(%l+)@", values)
  end
  shell.write(self.prefix .. "/nginx.conf", text)
end

function nginx:command(arguments)
  local environment = { PATH = "/usr/sbin:/usr/bin:/bin", SSL_CERT_FILE = self.prefix .. "/ca.pem" }
  for name, value in pairs(self.parts.environment or {}) do
    environment[name] = value
  end
  return shell.run(("nginx -p %s -c nginx.conf %s"):format(self.prefix, arguments or ""), environment)
end

function nginx:start()
  local result = self:command()
  assert(result.status == 0, result.err .. (self:log() or ""))
  self.pid = tonumber(self:wait_for("its pid", function() return shell.read(self.prefix .. "/pid") end))
  self:wait_for("its workers", function() return #self:workers() >= (self.parts.workers or 2) end)
  return self
end

function nginx.started(parts)
  return nginx.new(parts):start()
end

-- Poll until `condition` is true; returns what it returned.
function nginx:wait_for(what, condition)
  for _ = 1, 400 do
    local value = condition()
    if value then
      return value
    end
    os.execute("sleep 0.05")
  end
  error(("waited in vain for %s\n%s"):format(what, self:log():sub(-2000)))
end

function nginx:log()
  return shell.read(self.prefix .. "/error.log") or ""
end

-- The pids of the workers that are not on their way out.
function nginx:workers()
  local out = {}
  for line in shell.capture(("ps -o pid=,args= --ppid %d || true"):format(self.pid)):gmatch("[^\n]+") do
    out[#out + 1] = tonumber(line:match("(%d+) nginx: worker process$"))
  end
  return out
end

-- Reload, and wait until the new workers are there and the old ones on their way out.
function nginx:reload()
  local old = {}
  for _, pid in ipairs(self:workers()) do
    old[pid] = true
  end
  self:signal("HUP")
  self:wait_for("new workers", function()
    local pids = self:workers()
    for _, pid in ipairs(pids) do
      if old[pid] then
        return false
      end
    end
    return #pids >= (self.parts.workers or 2)
  end)
end

function nginx:signal(name, pid)
  os.execute(("kill -%s %d"):format(name, pid or self.pid))
end

-- curl; returns {status, body, headers (lower case)}. `more` are further arguments.
function nginx:get(path, more)
  local text = shell.capture(("curl -sS -i --max-time 30 --unix-socket %s/http.sock %s http://localhost%s && echo")
    :format(self.prefix, more or "", path))
  local head, body = text:match("^(.-)\r\n\r\n(.*)$")
  local headers = {}
  for name, value in head:gmatch("\n([^:\n]+): ([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return { status = tonumber(head:match("^%S+ (%d+)")), body = body, headers = headers, head = head }
end

-- Many requests. Arguments of spec/support/herd.js beside the socket: `requests`, `at_once`, or `seconds` and
-- `every` (ms) for a steady load. Started in the background; the function returned waits for the outcome:
-- {statuses = {["200"] = n}, bodies = {[text] = n}, workers = {[pid] = n}, errors, slowest}.
function nginx:herd(options)
  options.socket = options.socket or self.prefix .. "/http.sock"
  options.path = options.path or "/api/"
  local pipe = io.popen("node spec/support/herd.js " .. shell.quote(json.encode(options)), "r")
  return function()
    local text = pipe:read("*a")
    pipe:close()
    return assert(json.decode(text), text)
  end
end

function nginx:metric(name)
  local text = self:get("/metrics").body
  return tonumber(text:match("\n" .. name:gsub("[%p]", "%%%0") .. " (%S+)")), text
end

-- End it, at once, and wait until it is gone.
function nginx:stop(signal)
  if self.pid then
    self:signal(signal or "TERM")
    self:wait_for("its end", function() return not shell.read(self.prefix .. "/pid") end)
    self.pid = nil
  end
end

function nginx:remove()
  self.pid = self.pid or tonumber(shell.read(self.prefix .. "/pid") or "") -- one that should not have started
  self:stop()
  os.execute("rm -rf " .. shell.quote(self.prefix))
end

return nginx
