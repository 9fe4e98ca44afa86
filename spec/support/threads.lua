-- make tsan: starts the provider, then `threads` with this file again, which two threads run at once.
--   lua5.4 spec/support/threads.lua TREE
local tree = arg[1]
local version = _VERSION:match("%d+%.%d+")
package.path = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;./?.lua;"):format(tree, version, tree, version)
  .. package.path
package.cpath = ("%s/lib/lua/%s/?.so;"):format(tree, version) .. package.cpath

local ROUNDS = 40

if not arg.thread then
  local shell = require("spec.support.shell")
  local idp = require("spec.support.provider").start()
  local app = idp.clients.daemon
  local folder = shell.folder()
  local ok = os.execute(("%s/threads spec/support/threads.lua %s %s %s %s %s %s %s"):format(
    tree, tree, folder, idp.base, idp.ca, idp.tenant, app.client_id, shell.quote(app.secret)))
  os.execute("rm -rf " .. folder)
  local passed = ok == true or ok == 0
  print(passed and "1 passed, 0 failed" or "0 passed, 1 failed")
  os.exit(passed and 0 or 1)
end

local folder, base, ca, tenant, client_id, secret = arg[2], arg[3], arg[4], arg[5], arg[6], arg[7]
local http = require("entra.http").new { user_agent = "threads", ca_file = ca }
local core, crypto = require("entra.core"), require("entra.crypto")
local key = ("k"):rep(32)

for round = 1, ROUNDS do
  local lock = assert(core.lock(folder .. "/shared.lock", 60))
  local path = folder .. "/shared"
  local nonce, bytes = crypto.random(12), ("record %d of thread %s"):format(round, arg.thread)
  local before = core.file_read(path, 4096, "secret")
  assert(not before or crypto.unseal(key, before:sub(1, 12), "aad", before:sub(13)))
  assert(core.file_replace(path, nonce .. crypto.seal(key, nonce, "aad", bytes), round % 8 == 0))
  lock:release()
  assert(core.jwt_split("e30." .. core.base64url_encode(bytes) .. ".x"))
  assert(core.clean("\27" .. bytes, 100))
  if round % 4 == 1 then
    local reply, message = http:post { url = base .. "/" .. tenant .. "/oauth2/v2.0/token", expect = "token",
      timeout = 30,
      form = { { "grant_type", "client_credentials" }, { "client_id", client_id }, { "client_secret", secret },
        { "scope", "https://graph.microsoft.com/.default" } } }
    assert(reply and reply.access_token, message)
    local _, _, code = http:post { url = "https://localhost:1/", expect = "token", timeout = 5, form = {} }
    assert(code == "connect", code)
  end
end
http:close()
