-- A disk that fails: every single change made to fail in turn, by each error, and a disk that is really full.
local expect = require("spec.support.expect")
local failing = require("spec.support.failing")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("a failing disk", function()
  local ada

  before_each(function()
    provider.reset()
    provider.settings { rotation = "entra" }
    ada = user.new()
    ada:daemon("app")
    ada:person("me", true)
  end)
  after_each(function() ada:remove() end)

  -- Everything that is stored opens, and nothing lies about.
  local function is_whole()
    local shown = ada:must("for p in $(entra-auth-cli config list); do entra-auth-cli config show -p $p; done").out
    assert.matches("clientSecret%s+stored\n", shown)
    assert.matches("refreshToken%s+stored\n", shown)
    assert.is_nil(shown:find("unreadable", 1, true), shown)
    assert.equal("", ada:must("find ~/.local ~/.config -name '*.broken'").out)
  end

  local function names_of(command, under, stdin)
    ada:must(command, stdin, failing.environment(under))
    local names = {}
    for name in ada:must(("cat %s.calls; rm %s.calls"):format(under, under)).out:gmatch("%S+") do
      names[#names + 1] = name
    end
    return names
  end

  -- A complaint, or warnings with a token: never silence, never anything but these lines.
  local function is_said(result, what)
    expect.harmless(result.err)
    if result.status == 0 then
      return
    end
    assert.equal("", result.out, what)
    assert.equal(1, result.status, what .. ": " .. result.err)
    local said = expect.complaint((result.err:gsub("Warning: [^\n]*\n", "")))
    assert.matches("/", said.error, what)
    assert.is_string(said.hint, what .. ": " .. result.err)
  end

  local REFRESH, FORCE = "entra-auth-cli refresh -p me", "entra-auth-cli get-token -p app --force"

  for _, how in ipairs { "EIO", "ENOSPC", "EDQUOT" } do
    for _, command in ipairs { REFRESH, FORCE } do
      it(("that answers %s to any one change of '%s' harms nothing, and is reported"):format(how, command), function()
        local names = names_of(command, ada.state)
        assert.is_true(#names >= 4, table.concat(names, " "))
        local failures = 0
        for at, name in ipairs(names) do
          local what = ("%s of %s, number %d"):format(how, name, at)
          local result = ada:run(command, nil, failing.environment(ada.state, how, at))
          is_said(result, what)
          failures = failures + (result.err ~= "" and 1 or 0)
          is_whole()
          assert.is_true(tonumber(ada:must("find ~/.local -name '*.tmp' | wc -l").out) <= 1, what)
          ada:must(command)
          assert.equal("", ada:must("find ~/.local -name '*.tmp'").out, what)
        end
        assert.is_true(failures >= #names - 2, ("%d of %d were reported"):format(failures, #names))
      end)

      it(("that answers %s to all changes of '%s' from some moment on does neither"):format(how, command), function()
        for at = 1, #names_of(command, ada.state) do
          is_said(ada:run(command, nil, failing.environment(ada.state, how, at, true)), how .. " from " .. at)
          is_whole()
        end
        ada:must(command)
        assert.equal("", ada:must("find ~/.local -name '*.tmp'").out)
      end)
    end
  end

  for _, how in ipairs { "EINTR", "short" } do
    it(("that interrupts or cuts any one write (%s) is not even noticed"):format(how), function()
      for _, command in ipairs { REFRESH, FORCE } do
        for at, name in ipairs(names_of(command, ada.state)) do
          local result = ada:run(command, nil, failing.environment(ada.state, how, at))
          if name == "write" or how == "short" then
            expect.token(result)
          else
            is_said(result, how .. " of " .. name)
          end
          is_whole()
        end
      end
    end)
  end

  it("never costs a new profile half of itself: it is there whole, or not at all", function()
    local app = ada.idp.clients.daemon
    local create = ("entra-auth-cli config create -n fresh --tenant %s --client-id %s --client-secret-stdin"):format(
      ada.idp.tenant, app.client_id)
    for _, under in ipairs { ada.state, ada.home .. "/.config/entra-auth-cli" } do
      local names = names_of(create, under, app.secret)
      assert.is_true(#names >= 4, table.concat(names, " "))
      ada:must("entra-auth-cli config delete -p fresh")
      for _, how in ipairs { "EIO", "ENOSPC", "EDQUOT" } do
        for at = 1, #names do
          local what = ("%s of %s, number %d below %s"):format(how, names[at], at, under)
          is_said(ada:run(create, app.secret, failing.environment(under, how, at)), what)
          local listed = ada:must("entra-auth-cli config list").out:find("fresh\n", 1, true)
          if listed then
            ada:must("entra-auth-cli get-token -p fresh && entra-auth-cli config delete -p fresh")
          end
          is_whole()
        end
      end
    end
  end)

  it("hands an app its token all the same, since it can be had again", function()
    local result = ada:run(FORCE, nil, failing.environment(ada.state, "ENOSPC", 1, true))
    assert.equal(0, result.status, result.err)
    assert.matches("^eyJ", result.out)
    assert.matches("^Warning: [^\n]*[Nn]o space left[^\n]*\n$", result.err)
  end)

  it("that is really full says so; with room again all is as before", function()
    if shell.capture("id -u") ~= "0" then
      return pending("needs root to mount a small disk")
    end
    local mounted = ada:run([[
      cp -a ~/.local/state/entra-auth-cli ~/kept
      mount -t tmpfs -o size=64k,mode=700 none ~/.local/state/entra-auth-cli || exit 99
      cp -a ~/kept/. ~/.local/state/entra-auth-cli/
      cat /dev/zero >~/.local/state/entra-auth-cli/ballast 2>/dev/null
      entra-auth-cli refresh -p me >~/out 2>~/err; echo $? >~/status
      entra-auth-cli get-token -p app --force >~/out2 2>~/err2; echo $? >~/status2
      rm ~/.local/state/entra-auth-cli/ballast
      entra-auth-cli refresh -p me >~/fresh && entra-auth-cli get-token -p app --force >~/fresh2; code=$?
      find ~/.local/state/entra-auth-cli -name '*.tmp' -o -name '*.broken'
      umount ~/.local/state/entra-auth-cli
      exit $code]])
    assert.not_equal(99, mounted.status, "cannot mount a tmpfs here")
    assert.equal(0, mounted.status, mounted.err)
    assert.equal("", mounted.out)
    local function kept(name)
      return shell.read(ada.home .. "/" .. name)
    end
    is_said({ out = kept("out"), err = kept("err"), status = tonumber(kept("status")) }, "refresh")
    assert.equal("1\n", kept("status"))
    assert.matches("[Nn]o space left", kept("err"))
    assert.equal("0\n", kept("status2"))
    assert.matches("^eyJ", kept("out2"))
    assert.matches("^Warning: ", kept("err2"))
  end)
end)
