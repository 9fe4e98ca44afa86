-- A user of the installed CLI: a home of their own, and an environment that holds nothing else.
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

local user = {}
user.__index = user

-- Where the CLI under test is installed.
user.PREFIX = shell.capture("realpath " .. require("spec.support.tree"))

-- A browser, and the person at it, who signs in at once: a value for $BROWSER.
user.BROWSER = shell.capture("pwd") .. "/spec/support/browser/curl.sh"

function user.new()
  local idp = provider.start()
  local self = setmetatable({ home = shell.folder(), idp = idp }, user)
  self.environment = {
    HOME = self.home, PATH = user.PREFIX .. "/bin:/usr/local/bin:/usr/bin:/bin", LANG = "C.UTF-8", TERM = "dumb",
    SSL_CERT_FILE = self.home .. "/ca.pem", AZURE_AUTHORITY_HOST = idp.base,
  }
  os.execute("cp " .. idp.ca .. " " .. self.environment.SSL_CERT_FILE)
  self.state = self.home .. "/.local/state/entra-auth-cli"
  self.profiles = self.home .. "/.config/entra-auth-cli/profiles.json"
  return self
end

-- Run a shell script, `entra-auth-cli` being in PATH. Returns {out, err, status}.
function user:run(script, stdin, more)
  local environment = {}
  for _, source in ipairs { self.environment, more or {} } do
    for name, value in pairs(source) do
      environment[name] = value
    end
  end
  return shell.run(script, environment, stdin)
end

user.IS_ROOT = shell.capture("id -u") == "0"

-- Somebody whom file modes bind.
user.ORDINARY = 65534

-- Run a shell script as another user, which takes root; the home stays as it is.
function user:run_as(uid, script, stdin, more)
  return self:run(("exec setpriv --reuid=%d --regid=%d --clear-groups bash -c %s"):format(
    uid, uid, shell.quote(script)), stdin, more)
end

-- The same as an ordinary user; the home becomes theirs.
function user:run_ordinary(script, ...)
  if not user.IS_ROOT then
    return self:run(script, ...)
  end
  self:must(("chown -R %d:%d $HOME"):format(user.ORDINARY, user.ORDINARY))
  return self:run_as(user.ORDINARY, script, ...)
end

-- Run it, and it must succeed.
function user:must(script, stdin, more)
  local result = self:run(script, stdin, more)
  assert(result.status == 0, ("status %s of: %s\n%s"):format(tostring(result.status), script, result.err))
  return result
end

-- A profile of a confidential test app (client credentials), `daemon` if none is named.
function user:daemon(name, app, secret)
  app = self.idp.clients[app or "daemon"]
  return self:must(("entra-auth-cli config create -n %s --tenant %s --client-id %s --client-secret-stdin"):format(
    name, self.idp.tenant, app.client_id), secret or app.secret)
end

-- A profile of the public test app; with `signed_in`, ada has signed in by device code.
function user:person(name, signed_in, scope)
  self:must(("entra-auth-cli config create -n %s --tenant %s --client-id %s --scope '%s'"):format(
    name, self.idp.tenant, self.idp.clients.public.client_id, scope or "User.Read offline_access"))
  if signed_in then
    provider.settings { auto_approve = true, device_interval = 0 }
    self:must("entra-auth-cli get-token -p " .. name)
  end
end

-- Run a Lua program of their own, with the library in its path and as `entra`.
function user:lua(code)
  shell.write(self.home .. "/program.lua", ([[
    local version = _VERSION:match("%%d+%%.%%d+")
    local prefix = %q
    package.path = prefix .. "/share/lua/" .. version .. "/?.lua;" .. prefix .. "/share/lua/" .. version
      .. "/?/init.lua;" .. package.path
    package.cpath = prefix .. "/lib/lua/" .. version .. "/?.so;" .. package.cpath
    local entra = require("entra")
    %s]]):format(user.PREFIX, code))
  return self:run(arg[-1] .. " ~/program.lua")
end

-- Put an executable of this name first in the PATH.
function user:stand_in(name, script)
  local bin = self.home .. "/stand-ins"
  os.execute("mkdir -p " .. bin)
  shell.write(bin .. "/" .. name, script)
  os.execute("chmod 755 " .. bin .. "/" .. name)
  if not self.environment.PATH:find(bin, 1, true) then
    self.environment.PATH = bin .. ":" .. self.environment.PATH
  end
end

function user:remove()
  os.execute("rm -rf " .. shell.quote(self.home))
end

return user
