-- Where there is no home to speak of: read-only, missing, "/", or a container's user whom nobody knows.
local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

if not user.IS_ROOT then
  describe("a home", function()
    pending("needs root, to become other users and to mount")
  end)
  return
end

local UID = user.ORDINARY
local STRANGER = 1000660000 -- as OpenShift hands them out: no name, no group, no home
local STATE_HINT = "set XDG_STATE_HOME (ENTRA_AUTH_CLI_HOME, if you use that) to a folder that you may write"
local CONFIG_HINT = "set ENTRA_AUTH_CLI_HOME to a folder that you may write"

describe("a home", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:must("chmod 755 $HOME; chmod 644 $SSL_CERT_FILE")
  end)

  after_each(function()
    ada:remove()
  end)

  local function flags(app)
    return ("--tenant %s --client-id %s"):format(ada.idp.tenant, ada.idp.clients[app].client_id)
  end

  -- A token and one warning, which names a remedy.
  local function token_and_warning(result, what, hint)
    assert.equal(0, result.status, result.err)
    assert.matches("^eyJ[%w_.-]+\n$", result.out)
    local warning = result.err:match("^Warning: ([^\n]*)\n$")
    assert.is_string(warning, result.err)
    assert.equal(what, warning:sub(1, #what))
    assert.equal("; " .. hint, warning:sub(-2 - #hint))
  end

  -- The one warning behind the prompt of a person's sign-in.
  local function stored_warning(result)
    assert.equal(0, result.status, result.err)
    assert.matches("^eyJ[%w_.-]+\n$", result.out)
    local _, warnings = result.err:gsub("Warning: ", "")
    assert.equal(1, warnings, result.err)
    return result.err:match("\n(Warning: the sign%-in is not stored: [^\n]*)\n$")
  end

  describe("that is read-only", function()
    -- Ways to make it so; each runs a script as ada.
    local WAYS = {
      ["by its mode"] = function(script)
        ada:must(("chown -R %d $HOME; chmod 555 $HOME; find $HOME/.[a-z]* -type d -exec chmod 500 {} + || true"):format(
          UID))
        local result = ada:run_as(UID, script)
        ada:must("find $HOME -type d -exec chmod 700 {} +")
        return result
      end,
      ["by its mount"] = function(script)
        ada:must(("chown -R %d $HOME"):format(UID))
        return ada:run(([[exec unshare -m bash -c 'mount --bind "$HOME" "$HOME" &&
          mount -o remount,ro,bind "$HOME" && exec setpriv --reuid=%d --regid=%d --clear-groups bash -c "$0"' %s]])
          :format(UID, UID, shell.quote(script)))
      end,
    }

    for name, run in pairs(WAYS) do
      local errno = name:find("mode") and "Permission denied" or "Read-only file system"

      it("gives the tokens that it holds, " .. name, function()
        ada:daemon("default")
        local token = ada:must("entra-auth-cli get-token").out
        local result = run("entra-auth-cli get-token && entra-auth-cli inspect >/dev/null && "
          .. "entra-auth-cli config list")
        assert.same({ token .. "default\n", "", 0 }, { result.out, result.err, result.status })
      end)

      it("gives an app a new token, and says that it could not be kept, " .. name, function()
        ada:daemon("default")
        token_and_warning(run("entra-auth-cli get-token"), "working without a store: cannot ", STATE_HINT)
        local result = run("entra-auth-cli get-token")
        assert.is_truthy(result.err:find(": " .. errno .. "; ", 1, true))
        assert.equal(2, provider.tokens("client_credentials"))
      end)

      it("gives the token at hand while the next one cannot be kept, " .. name, function()
        ada:daemon("default")
        provider.settings { refresh_in = 1 }
        local token = ada:must("entra-auth-cli get-token").out
        local result = run("faketime -f +10s entra-auth-cli get-token")
        assert.same({ token, "", 0 }, { result.out, result.err, result.status })
        assert.equal(1, provider.tokens("client_credentials"))
      end)

      it("does not turn a refresh token that it could not keep, " .. name, function()
        ada:person("default", true)
        provider.settings { rotation = "strict" }
        for _, command in ipairs { "refresh", "get-token --force" } do
          local result = run("entra-auth-cli " .. command)
          local said = expect.failure(result, 1, "^cannot ", STATE_HINT)
          assert.is_truthy(said.error:find(errno, 1, true))
        end
        assert.equal(0, provider.tokens("refresh_token"))
        assert.equal(0, ada:run_ordinary("entra-auth-cli refresh").status)
      end)

      it("lets a person sign in, and says that it could not be kept, " .. name, function()
        ada:person("default")
        provider.settings { auto_approve = true, device_interval = 0 }
        local result = run("entra-auth-cli get-token")
        local warning = stored_warning(result)
        assert.is_truthy(warning:find(": " .. errno .. "; " .. STATE_HINT, 1, true))
      end)

      it("takes no profile, and names the way out, " .. name, function()
        ada:must("mkdir -m 700 $HOME/.config")
        local result = run("entra-auth-cli config create " .. flags("public"))
        expect.failure(result, 1, ("cannot make the folder %s/.config/entra-auth-cli: %s"):format(ada.home, errno),
          CONFIG_HINT)
        expect.failure(run("entra-auth-cli get-token"), 2, "profile 'default' not found")
      end)
    end
  end)

  it("need not be, where the XDG folders are named", function()
    local xdg = { XDG_CONFIG_HOME = ada.home .. "/c", XDG_STATE_HOME = ada.home .. "/s" }
    local secret = ada.idp.clients.daemon.secret
    local create = "unset HOME; entra-auth-cli config create --client-secret-stdin " .. flags("daemon")
    assert.equal(0, ada:run(create, secret, xdg).status)
    expect.token(ada:run("unset HOME; entra-auth-cli get-token", nil, xdg))
    for name in pairs(xdg) do
      expect.failure(ada:run("unset HOME; entra-auth-cli get-token", nil, { [name] = xdg[name] }), 1,
        "HOME is not set, so there is no place for profiles and tokens",
        "ENTRA_AUTH_CLI_HOME=/a/private/folder entra-auth-cli …")
    end
  end)

  it("that is not there is made where it may be, and is named where it may not", function()
    local elsewhere = { HOME = ada.home .. "/not/there" }
    expect.failure(ada:run_as(UID, "entra-auth-cli get-token", nil, elsewhere), 2, "profile 'default' not found")
    expect.failure(ada:run_as(UID, "entra-auth-cli config create " .. flags("public"), nil, elsewhere), 1,
      ("cannot make the folder %s/not: Permission denied"):format(ada.home), CONFIG_HINT)
    ada:must(("mkdir $HOME/not; chown %d $HOME/not"):format(UID))
    assert.equal(0, ada:run_as(UID, "entra-auth-cli config create " .. flags("public"), nil, elsewhere).status)
    assert.equal("700", shell.capture("stat -c %a " .. ada.home .. "/not/there"))
  end)

  it("with a slash too many is the same home", function()
    ada:daemon("default")
    local token = ada:must("entra-auth-cli get-token").out
    for _, home in ipairs { ada.home .. "/", ada.home .. "//" } do
      assert.equal(token, ada:run("entra-auth-cli get-token", nil, { HOME = home }).out)
      assert.matches(" in " .. ada.home .. "/.local", ada:run("entra-auth-cli config show", nil, { HOME = home }).out)
    end
  end)

  describe("of a container's user without a name,", function()
    local function run(command, stdin, more)
      local environment = { HOME = "/" }
      for name, value in pairs(more or {}) do
        environment[name] = value
      end
      return ada:run_as(STRANGER, "timeout 20 entra-auth-cli " .. command, stdin, environment)
    end

    it("which is '/', keeps nothing: the hint names a place that works", function()
      expect.failure(run("get-token"), 2, "profile 'default' not found")
      local create = "config create --client-secret-stdin " .. flags("daemon")
      expect.failure(run(create, ada.idp.clients.daemon.secret), 1,
        "cannot make the folder /.config: Permission denied", CONFIG_HINT)
      -- A volume of the user's own, a folder in one that is everybody's, and one that does not exist yet.
      ada:must(("mkdir -m 700 $HOME/own; chown %d $HOME/own; mkdir -m 777 $HOME/shared; chmod 777 $HOME/shared"):format(
        STRANGER))
      for _, place in ipairs { "/own", "/shared/mine", "/shared/deep/er/" } do
        local set = { ENTRA_AUTH_CLI_HOME = ada.home .. place }
        assert.equal(0, run(create, ada.idp.clients.daemon.secret, set).status)
        expect.token(run("get-token", nil, set))
        expect.token(run("get-token", nil, set))
        assert.equal("", ada:must(("find $HOME%s ! -user %d"):format(place, STRANGER)).out)
      end
      assert.equal(3, provider.tokens("client_credentials"))
    end)

    it("is not a volume that is everybody's", function()
      for _, mode in ipairs { "777", "1777" } do
        ada:must(("rm -rf $HOME/data; mkdir $HOME/data; chmod %s $HOME/data"):format(mode))
        expect.failure(run("config create --client-secret-stdin " .. flags("daemon"), ada.idp.clients.daemon.secret,
          { ENTRA_AUTH_CLI_HOME = ada.home .. "/data" }), 1, ada.home .. "/data belongs to user 0, not to you",
          ("sudo chown -R %d '%s/data'  # or set ENTRA_AUTH_CLI_HOME to a folder of your own"):format(
            STRANGER, ada.home))
        assert.equal("", ada:must("ls -A $HOME/data").out)
      end
    end)

    it("may be a ConfigMap: a person signs in, in memory, with one warning", function()
      ada.environment.ENTRA_AUTH_CLI_HOME = ada.home .. "/map"
      ada:person("default")
      ada:must("chmod 755 $HOME/map; rm -f $HOME/map/*.lock; chmod 444 $HOME/map/profiles.json")
      provider.settings { auto_approve = true, device_interval = 0 }
      for _ = 1, 2 do
        local result = run("get-token")
        assert.matches("^Warning: the sign%-in is not stored: cannot make the folder ", stored_warning(result))
      end
      expect.failure(run("refresh"), 3, "no refresh token available for profile 'default'")
      assert.equal("profiles.json\n", ada:must("ls -A $HOME/map").out)
    end)
  end)
end)
