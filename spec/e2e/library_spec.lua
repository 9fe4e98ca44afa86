-- require("entra") in a program of somebody's own, against the provider.
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("the Lua library", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)
  after_each(function() ada:remove() end)

  local function lua(code)
    return ada:lua(code)
  end

  it("shares a stored profile's tokens with the CLI, both ways", function()
    ada:daemon("production")
    local result = lua([[
      local token = assert(assert(entra.profile("production")):token())
      assert(token:expires_in() > 3000 and token.scopes[1] and token:claims().appid)
      io.write(token.access_token, "\n")]])
    assert.equal("", result.err)
    assert.equal(result.out, ada:must("entra-auth-cli get-token -p production").out)
    assert.equal(1, provider.requests("token"))
  end)

  it("takes a profile from a table, and keeps its tokens off the disk", function()
    local app = ada.idp.clients.daemon
    local result = lua(([[
      local p = assert(entra.profile { tenant_id = %q, client_id = %q, client_secret = %q, authority_host = %q })
      assert(p:token())
      assert(p:token().from_cache)
      local fresh = assert(p:token { force = true })
      assert(not fresh.from_cache)
      print("fine")]]):format(ada.idp.tenant, app.client_id, app.secret, ada.idp.base))
    assert.equal("fine\n", result.out, result.err)
    assert.equal(2, provider.requests("token"))
    assert.is_nil(shell.read(ada.state .. "/key"))
  end)

  it("signs a person in by a browser of the program's choice, and prints nothing", function()
    ada:person("me")
    local result = lua(([[
      local p, shown = assert(entra.profile("me")), nil
      local function open_browser(url)
        assert(os.execute(%q .. " '" .. url .. "' >/dev/null 2>&1 &"))
        return true
      end
      local token = assert(p:sign_in { flow = "interactive", open_browser = open_browser,
        on_prompt = function(prompt) shown = prompt end })
      assert(shown.flow == "interactive" and shown.opened and shown.url:match("^https://"))
      assert(not token.from_cache and p:token().from_cache)
      local none, err = p:sign_in { flow = "interactive", timeout = 0.2, open_browser = false,
        on_prompt = function() end }
      assert(not none and err.kind == "timeout")
      print("fine")]]):format(user.BROWSER))
    assert.equal("fine\n", result.out, result.err)
    assert.equal("", result.err)
  end)

  it("signs a person in without printing anything itself", function()
    ada:person("me")
    provider.settings { auto_approve = true, device_interval = 1 }
    local result = lua([[
      local p = assert(entra.profile("me"))
      local none, err = p:token()
      assert(not none and err.kind == "interaction", tostring(err))
      local shown
      assert(p:token { on_prompt = function(prompt) shown = prompt end })
      assert(#shown.user_code > 0 and shown.verification_uri:match("^https://"))
      assert(p:refresh())
      assert(p:forget())
      print(select(2, p:refresh()).code)]])
    assert.equal("no_refresh_token\n", result.out)
    assert.equal("", result.err)
  end)

  it("returns what went wrong as a value", function()
    ada:daemon("production")
    provider.fault { endpoint = "token", kind = "status", status = 429, retry_after = 30 }
    local result = lua([[
      local token, err = entra.profile("production"):token()
      print(token, err.kind, err.code, err.retry_after, err.status)
      print(select(2, entra.profile("nope")).code)]])
    assert.matches("^nil\tnetwork\tthrottled\t30%.?0?\t429", result.out)
    assert.matches("profile_not_found\n$", result.out)
  end)
end)
