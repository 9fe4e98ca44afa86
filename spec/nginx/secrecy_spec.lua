-- Nothing secret where anybody but the upstream can see it.
local nginx = require("spec.support.nginx")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")

describe("tokens and secrets", function()
  it("are in no log, no page, no metric and no reply, and the dictionary holds access tokens only", function()
    provider.reset()
    provider.settings { access_token_ttl = 4 }
    local server = nginx.new { init = nginx.setup("store = '@prefix@/store', timeout = 1"), server = nginx.API .. [[
      error_page 502 504 /sorry;
      location = /sorry { return 502 "sorry\n"; }
      location /gone/ {
        set $bearer "";
        access_by_lua_block { require("resty.entra").inject("api") }
        proxy_set_header Authorization $bearer;
        proxy_pass http://unix:@prefix@/nobody.sock;
      }
      location = /dump { content_by_lua_block {
        for _, key in ipairs(ngx.shared.entra:get_keys(0)) do
          if not key:match("^token|") then ngx.say(key, "=", ngx.shared.entra:get(key)) end
        end } }]] }
    os.execute(("install -d -o %s -m 700 %s/store"):format(nginx.WORKERS_USER, server.prefix))
    server:start()
    local replies, tokens = {}, {}
    local function see(path, more)
      local reply = server:get(path, more)
      replies[#replies + 1] = reply.head .. (path:match("^/api") and reply.status == 200 and "" or reply.body)
      if reply.status == 200 and path:match("^/api") then
        tokens[reply.body:match("[^.]+$")] = true -- the signature
      end
      return reply
    end
    see("/api/", "-H 'Authorization: Bearer from-the-client'")
    assert.equal(502, see("/gone/x").status)
    see("/metrics")
    see("/status")
    see("/dump")
    server:wait_for("another token", function()
      see("/api/")
      local n = 0
      for _ in pairs(tokens) do
        n = n + 1
      end
      return n == 2
    end)
    provider.fault { endpoint = "token", kind = "crlf_token" }
    server:wait_for("a failure", function() return see("/api/").status == 503 end)
    see("/metrics")
    see("/dump")
    server:signal("USR1") -- reopens logs: nothing is held back
    server:stop("QUIT")

    local seen = table.concat(replies, "\n") .. server:log() .. (shell.read(server.prefix .. "/access.log") or "")
    assert.is_truthy(seen:find("GET /gone/x", 1, true)) -- the access log is among them
    local secret = provider.start().clients.daemon.secret
    assert.is_nil(seen:find(secret, 1, true))
    for token in pairs(tokens) do
      assert.is_nil(seen:find(token, 1, true))
    end
    assert.is_nil(seen:find("Set-Cookie: a=b", 1, true))
    local _, bearers = seen:gsub("eyJ", "")
    assert.equal(0, bearers)
    -- Nor in any file but the sealed records, where they are not legible.
    for token in pairs(tokens) do
      local found = shell.capture(("grep -rlF -- %s %s || true"):format(shell.quote(token), server.prefix))
      assert.equal("", found)
    end
    server:remove()
  end)
end)
