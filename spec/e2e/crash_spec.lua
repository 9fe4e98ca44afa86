-- Killed at any moment, by surprise and at every single step: what is stored stays whole, and what to do is said.
local expect = require("spec.support.expect")
local failing = require("spec.support.failing")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("a process that is killed", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:person("me", true)
  end)
  after_each(function() ada:remove() end)

  -- The temporary files and what was moved aside as broken.
  local function litter(pattern)
    return ada:must(("find ~/.local/state ~/.config -name '%s'"):format(pattern)).out
  end

  it("at any of 200 random moments of a refresh loses nothing, and leaves one temporary file at most", function()
    provider.settings { rotation = "entra" }
    local result = ada:run([[
      most=0
      for i in $(seq 200); do
        timeout -s KILL 0.0$((i % 5))$((RANDOM % 10)) entra-auth-cli refresh -p me
        [ $? = 137 ] && killed=$((killed + 1))
        left=$(find ~/.local/state -name '*.tmp' | wc -l)
        [ $left -gt $most ] && most=$left
        # What one killed run left, the next one that writes removes; here that may be killed too.
        [ $left -gt 0 ] && entra-auth-cli refresh -p me >~/fresh && find ~/.local/state -name '*.tmp' >>~/stayed
      done >/dev/null 2>&1
      echo "$most ${killed:-0}"; cat ~/stayed 2>/dev/null
      entra-auth-cli refresh -p me >~/fresh]])
    assert.equal(0, result.status, result.err)
    local most, killed, stayed = result.out:match("^(%d+) (%d+)\n(.*)$")
    assert.is_true(tonumber(most) <= 1, result.out)
    assert.is_true(tonumber(killed) > 50, "too few were killed to prove anything: " .. killed)
    assert.equal("", stayed)
    assert.equal("", litter("*.tmp"))
    assert.equal("", litter("*.broken"))
    assert.equal("me\n", ada:must("entra-auth-cli config list").out)
  end)

  -- The names of all changes that a refresh makes in the store, in their order.
  local function steps()
    ada:must("entra-auth-cli refresh -p me", nil, failing.environment(ada.state))
    local names = {}
    for name in ada:must("cat ~/.local/state/*.calls; rm ~/.local/state/*.calls").out:gmatch("%S+") do
      names[#names + 1] = name
    end
    return names
  end

  local function first_rename(names)
    for i, name in ipairs(names) do
      if name == "rename" then
        return i
      end
    end
  end

  it("before and after each single change of a refresh: the next one works, and cleans up", function()
    provider.settings { rotation = "entra" }
    local names = steps()
    assert.is_true(#names >= 7, table.concat(names, " "))
    for at = 1, #names do
      for _, how in ipairs { "before", "after" } do
        local result = ada:run("entra-auth-cli refresh -p me", nil, failing.environment(ada.state, how, at))
        assert.equal(137, result.status, ("%s %s %d"):format(how, names[at], at))
        assert.equal("", result.out)
        expect.token(ada:run("entra-auth-cli refresh -p me"))
        assert.equal("", litter("*.tmp"))
        assert.equal("", litter("*.broken"))
      end
    end
  end)

  it("under strict rotation: before the request or after the rename, the next refresh works", function()
    provider.settings { rotation = "strict" }
    local names = steps()
    local rename = assert(first_rename(names))
    assert.equal("open", names[1]) -- the lock, which comes before the request
    for _, case in ipairs { { "before", 1 }, { "after", 1 }, { "after", rename } } do
      local result = ada:run("entra-auth-cli refresh -p me", nil, failing.environment(ada.state, case[1], case[2]))
      assert.equal(137, result.status)
      expect.token(ada:run("entra-auth-cli refresh -p me"))
    end
  end)

  it("under strict rotation, in between: exit 4 with the remedy, a whole store, and the remedy works", function()
    provider.settings { rotation = "strict" }
    local names = steps()
    for at = 2, first_rename(names) do
      local result = ada:run("entra-auth-cli refresh -p me", nil, failing.environment(ada.state, "before", at))
      assert.equal(137, result.status)
      -- The provider has turned the refresh token, and takes the old one for stolen.
      local said = expect.failure(ada:run("entra-auth-cli refresh -p me"), 4, "refresh token expired or invalid",
        "^entra%-auth%-cli get%-token %-%-profile me %-%-flow [%w-]+ %-%-force$")
      assert.matches("refreshToken%s+refused\n", ada:must("entra-auth-cli config show -p me").out)
      assert.equal("", litter("*.broken"))
      provider.settings { auto_approve = true, device_interval = 0 }
      ada:must((said.hint:gsub("%-%-flow %S+", "--flow device-code")))
      expect.token(ada:run("entra-auth-cli refresh -p me"))
      assert.equal("", litter("*.tmp"))
    end
  end)

  it("while it makes its first key: the next run makes one, or takes it", function()
    local app = ada.idp.clients.daemon
    local create = ("entra-auth-cli config create --force -n fresh --tenant %s --client-id %s --client-secret-stdin")
      :format(ada.idp.tenant, app.client_id)
    local at, status = 1, nil
    repeat
      for _, how in ipairs { "before", "after" } do
        ada:must("rm -rf ~/.local ~/.config; mkdir -p ~/.local/state")
        status = ada:run(create, app.secret, failing.environment(ada.state, how, at)).status
        assert.is_true(status == 137 or status == 0)
        ada:must(create, app.secret)
        assert.matches("^eyJ", ada:must("entra-auth-cli get-token -p fresh").out)
        assert.equal("", litter("*.broken"))
      end
      at = at + 1
    until status == 0
    assert.is_true(at > 8, "only " .. at .. " changes")
  end)
end)
