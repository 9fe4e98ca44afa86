local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local GUID = "c0f1de47-0000-4000-8000-00000000da01"
local TENANT = "11111111-1111-1111-1111-111111111111"
local FLAGS = ("--tenant %s --client-id %s"):format(TENANT, GUID)
local EXAMPLE = "entra-auth-cli config create --tenant contoso.onmicrosoft.com --client-id GUID --scope 'User.Read'"

describe("config", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  local function run(arguments, stdin, more)
    return ada:run("entra-auth-cli config " .. arguments, stdin, more)
  end

  -- It succeeds, says this on stderr, and nothing on stdout.
  local function says(words, arguments, stdin)
    assert.same({ out = "", err = words .. "\n", status = 0 }, run(arguments, stdin))
  end

  local function file()
    return json.decode(shell.read(ada.profiles))
  end

  local function modes(...)
    return ada:must("cd $HOME && stat -c '%a %n' " .. table.concat({ ... }, " ")).out
  end

  describe("create", function()
    it("makes a profile called 'default' where none is named", function()
      says("Profile 'default' created.", "create " .. FLAGS)
      local profile = file().profiles[1]
      assert.equal(1, file().version)
      assert.equal("default", profile.name)
      assert.equal(TENANT, profile.tenantId)
      assert.equal(GUID, profile.clientId)
      assert.equal("None", profile.authMethod)
      assert.equal(ada.idp.base, profile.authorityHost)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", profile.createdAt)
      assert.equal(profile.createdAt, profile.updatedAt)
    end)

    it("keeps scopes and flow, however they are spelled", function()
      says("Profile 'a' created.", "create -n a -s 'User.Read,Mail.Read  offline_access' -f device_CODE " .. FLAGS)
      assert.same({ "User.Read", "Mail.Read", "offline_access" }, file().profiles[1].scopes)
      assert.equal("DeviceCode", file().profiles[1].defaultFlow)
    end)

    for _, spelling in ipairs { "-n p", "--name p", "-p p", "--profile p", "--name=p" } do
      it("takes the name from " .. spelling, function()
        says("Profile 'p' created.", ("create %s %s"):format(spelling, FLAGS))
      end)
    end

    it("takes --tenant-id for --tenant", function()
      says("Profile 'default' created.", ("create --tenant-id %s --client-id %s"):format(TENANT, GUID))
    end)

    it("records the cloud's authority, or the one that was named", function()
      run("create -n gov --cloud usgov " .. FLAGS)
      run("create -n own --authority-host https://Login.Example.com:8443/ " .. FLAGS)
      assert.equal("https://login.microsoftonline.us", file().profiles[1].authorityHost)
      assert.equal("https://login.example.com:8443", file().profiles[2].authorityHost)
      ada.environment.AZURE_AUTHORITY_HOST = nil
      run("create -n public " .. FLAGS)
      assert.equal("https://login.microsoftonline.com", file().profiles[3].authorityHost)
    end)

    it("makes private folders and files, whatever the umask", function()
      ada:must("umask 0; printf s | entra-auth-cli config create --client-secret-stdin " .. FLAGS)
      assert.equal([[
700 .config/entra-auth-cli
700 .local/state/entra-auth-cli
700 .local/state/entra-auth-cli/records
600 .config/entra-auth-cli/profiles.json
]], modes(".config/entra-auth-cli", ".local/state/entra-auth-cli", ".local/state/entra-auth-cli/records",
        ".config/entra-auth-cli/profiles.json"))
      assert.equal("", ada:must("find $HOME/.local/state/entra-auth-cli -type f ! -perm 600").out)
    end)

    for name, command in pairs {
      ["standard input"] = "printf '%%s' '%s' | entra-auth-cli config create --client-secret-stdin " .. FLAGS,
      ["standard input, with a line end"] = "echo '%s' | entra-auth-cli config create --client-secret-stdin " .. FLAGS,
      ["a file"] = "echo '%s' >$HOME/s; entra-auth-cli config create --client-secret-file $HOME/s " .. FLAGS,
      ["a file with Windows line ends"] =
        "printf '%%s\\r\\n' '%s' >$HOME/s; entra-auth-cli config create --client-secret-file $HOME/s " .. FLAGS,
      ["a pipe that is named as a file"] =
        "entra-auth-cli config create --client-secret-file <(printf '%%s' '%s') " .. FLAGS,
    } do
      it("takes the secret from " .. name, function()
        ada:must(command:format(ada.idp.clients.daemon.secret))
        expect.token(ada:run("entra-auth-cli get-token"))
      end)
    end

    local MISUSE = {
      { "--client-id " .. GUID, "missing --tenant", EXAMPLE },
      { "--tenant " .. TENANT, "missing --client-id", EXAMPLE },
      { "", "missing --tenant", EXAMPLE },
      { "--auth-method client-secret " .. FLAGS, "missing --client-secret-stdin or --client-secret-file" },
      { "--client-secret-file /nonexistent " .. FLAGS, "^cannot read the client secret: /nonexistent: " },
      { "--client-secret-file / " .. FLAGS, "^cannot read the client secret: " },
      { "--client-secret-stdin " .. FLAGS, "the client secret is empty" },
      { "--client-secret-stdin --client-secret-file x " .. FLAGS,
        "--client-secret-file and --client-secret-stdin exclude each other" },
      { "--cloud mars " .. FLAGS, "argument for option '--cloud' must be one of 'public', 'usgov', 'china'" },
      { "--cloud china --authority-host https://x.example " .. FLAGS,
        "--cloud and --authority-host exclude each other" },
      { "--authority-host http://x.example " .. FLAGS, "authority host 'http://x.example' is not https" },
      { "--authority-host http://localhost " .. FLAGS, "authority host 'http://localhost' is not https" },
      { "--authority-host https://x.example/path " .. FLAGS,
        "authority host 'https://x.example/path' is not an https origin" },
      { "--authority-host https://u:p@x.example " .. FLAGS,
        "authority host 'https://u:p@x.example' is not an https origin" },
      { "--tenant a/../b --client-id " .. GUID, "tenant 'a/../b' is neither a GUID nor a domain" },
      { "--tenant '' --client-id " .. GUID, "tenant '' is neither a GUID nor a domain" },
      { ("--tenant %s --client-id MyApp"):format(TENANT), "client id 'MyApp' is not a GUID",
        "use the Application (client) ID of the app registration" },
      { "-f bogus " .. FLAGS, "unknown flow 'bogus'",
        "use client-credentials, interactive, device-code or authorization-code" },
      { "--client-secret hunter2 " .. FLAGS, "unknown option '--client-secret'" },
      { "--nope " .. FLAGS, "unknown option '--nope'" },
    }
    for _, name in ipairs { "''", ".hidden", "a/b", "../x", "'a b'", "a%b", "é", ("x"):rep(65), "'a\tb'" } do
      MISUSE[#MISUSE + 1] = { ("-n %s %s"):format(name, FLAGS), "^'.*' cannot be a profile's name$",
        "use up to 64 letters, digits, '.', '_' and '-', a letter or digit first" }
    end
    for _, case in ipairs(MISUSE) do
      it("refuses, and changes nothing: " .. case[1]:gsub(FLAGS:gsub("%-", "%%-"), "…"), function()
        expect.failure(run("create " .. case[1]), 1, case[2], case[3])
        assert.is_nil(shell.read(ada.profiles))
        assert.equal("", ada:must("find $HOME -name '*.rec'").out)
      end)
    end

    it("takes the longest name there may be", function()
      local name = ("x"):rep(60) .. "._-9"
      says(("Profile '%s' created."):format(name), ("create -n %s %s"):format(name, FLAGS))
    end)

    it("does not replace a profile unasked", function()
      run("create -n a " .. FLAGS)
      local before = shell.read(ada.profiles)
      expect.failure(run("create -n a --client-secret-stdin " .. FLAGS, "new"), 1, "profile 'a' already exists",
        "use --force to replace it")
      assert.equal(before, shell.read(ada.profiles))
      assert.equal("", ada:must("find $HOME -name '*.rec'").out)
    end)

    it("replaces a profile with --force, and drops its secret and tokens", function()
      ada:daemon("a")
      ada:must("entra-auth-cli get-token -p a")
      says("Profile 'a' replaced.", "create -n a --force " .. FLAGS)
      assert.equal(1, #file().profiles)
      assert.equal("", ada:must("find $HOME -name '*.rec'").out)
      expect.failure(ada:run("entra-auth-cli inspect -p a"), 3)
    end)

    it("leaves other profiles' tokens alone when it replaces one", function()
      ada:daemon("a")
      ada:daemon("b")
      local token = ada:must("entra-auth-cli get-token -p b").out
      run("create -n a --force " .. FLAGS)
      assert.equal(token, ada:must("entra-auth-cli get-token -p b").out)
      assert.equal(1, provider.requests("token"))
    end)

    it("lets ten at once create ten profiles", function()
      ada:must(("for i in 1 2 3 4 5 6 7 8 9 10; do entra-auth-cli config create -n p$i %s & done; wait"):format(FLAGS))
      assert.equal(10, #file().profiles)
    end)
  end)

  describe("list", function()
    it("prints nothing where there is no profile", function()
      assert.same({ out = "", err = "", status = 0 }, run("list"))
      assert.equal("[]\n", run("list -o json").out)
      assert.is_nil(shell.read(ada.profiles))
    end)

    it("prints one name per line, for a shell's loop", function()
      for _, name in ipairs { "b", "a", "c.d" } do
        run(("create -n %s %s"):format(name, FLAGS))
      end
      assert.same({ out = "b\na\nc.d\n", err = "", status = 0 }, run("list"))
      assert.same({ "b", "a", "c.d" }, json.decode(run("list -o json").out))
      assert.equal("[b][a][c.d]", ada:must("for p in $(entra-auth-cli config list); do printf '[%s]' $p; done").out)
    end)
  end)

  describe("show", function()
    it("shows a profile and where its secrets are, never the secrets", function()
      ada:daemon("a")
      local result = run("show -p a")
      assert.equal("", result.err)
      assert.matches("\ntenantId +" .. TENANT:gsub("%-", "%%-") .. "\n", result.out)
      assert.matches("\nclientSecret +stored\n", result.out)
      assert.matches("\nrefreshToken +none\n", result.out)
      assert.matches("\ndefaultFlow +client%-credentials\n", result.out)
      assert.is_nil(result.out:find("S3~x", 1, true))
      local object = json.decode(run("show -p a -o json").out)
      assert.equal("a", object.name)
      assert.equal("stored", object.clientSecret)
      assert.is_false(object.current)
      assert.same({}, object.scopes)
    end)

    it("tells a refused refresh token from a stored one", function()
      ada:person("me", true)
      assert.matches("\nrefreshToken +stored\n", run("show -p me").out)
      provider.control("POST", "/revoke", {})
      ada:run("entra-auth-cli refresh -p me")
      assert.matches("\nrefreshToken +refused\n", run("show -p me").out)
    end)

    it("exits 2 for a profile that does not exist", function()
      expect.failure(run("show -p nobody"), 2, "profile 'nobody' not found", "entra-auth-cli config list")
    end)
  end)

  describe("delete", function()
    it("removes the profile, its secret and its tokens", function()
      ada:daemon("a")
      ada:must("entra-auth-cli get-token -p a")
      says("Profile 'a' deleted.", "delete -p a")
      assert.same({}, file().profiles)
      assert.equal("", ada:must("find $HOME -name '*.rec' -o -name '*.note'").out)
      expect.failure(ada:run("entra-auth-cli get-token -p a"), 2)
    end)

    it("leaves the other profiles as they were", function()
      ada:daemon("a")
      ada:daemon("b")
      local token = ada:must("entra-auth-cli get-token -p b").out
      says("Profile 'a' deleted.", "delete -p a --yes")
      assert.equal(token, ada:must("entra-auth-cli get-token -p b").out)
    end)

    it("asks on a terminal, and no answer is no", function()
      run("create -n a " .. FLAGS)
      local result = ada:run("script -qec 'entra-auth-cli config delete -p a' /dev/null", "\n")
      assert.matches("Delete profile 'a', its secrets and its tokens%? %[y/N%]", result.out)
      assert.matches("Nothing was deleted", result.out)
      assert.equal(1, result.status)
      assert.equal("a\n", run("list").out)
      assert.equal(0, ada:run("script -qec 'entra-auth-cli config delete -p a' /dev/null", "y\n").status)
      assert.equal("", run("list").out)
    end)

    it("does not ask on a terminal with --yes", function()
      run("create -n a " .. FLAGS)
      local result = ada:run("script -qec 'entra-auth-cli config delete -p a -y' /dev/null")
      assert.equal("Profile 'a' deleted.\r\n", result.out)
    end)

    it("exits 2 for a profile that does not exist", function()
      run("create -n a " .. FLAGS)
      local before = shell.read(ada.profiles)
      expect.failure(run("delete -p nobody"), 2, "profile 'nobody' not found", "entra-auth-cli config list")
      assert.equal(before, shell.read(ada.profiles))
    end)
  end)

  describe("use", function()
    it("chooses the profile that is used where none is named", function()
      ada:daemon("a")
      ada:daemon("default")
      says("Profile 'a' is used where none is named.", "use a")
      assert.is_true(json.decode(run("show -o json").out).current)
      assert.equal("a", json.decode(run("show -o json").out).name)
    end)

    it("exits 2 for a profile that does not exist, and 1 without a name", function()
      expect.failure(run("use nobody"), 2, "profile 'nobody' not found")
      expect.failure(run("use"), 1, "missing the profile's name", "entra-auth-cli config use production")
      assert.is_nil(shell.read(ada.profiles))
    end)

    it("is the only thing that sets the current profile", function()
      run("create -n a " .. FLAGS)
      assert.is_nil(file().current)
      run("use a")
      run("create -n b " .. FLAGS)
      assert.equal("a", file().current)
      run("delete -p a")
      assert.is_nil(file().current)
    end)
  end)

  describe("the profile that is meant", function()
    local function shown(flag, environment)
      return json.decode(run("show -o json " .. flag, nil, { ENTRA_AUTH_CLI_PROFILE = environment }).out).name
    end

    it("is the flag's, else the environment's, else the chosen one, else 'default'", function()
      for _, name in ipairs { "flag", "environment", "chosen", "default" } do
        run(("create -n %s %s"):format(name, FLAGS))
      end
      assert.equal("default", shown(""))
      run("use chosen")
      assert.equal("chosen", shown(""))
      assert.equal("chosen", shown("", ""))
      assert.equal("environment", shown("", "environment"))
      assert.equal("flag", shown("-p flag", "environment"))
    end)

    for _, case in ipairs { { "-p producton", {} }, { "", { ENTRA_AUTH_CLI_PROFILE = "producton" } }, { "-p ''", {} },
      { "-p Production", {} } } do
      for _, command in ipairs { "get-token", "get-token --verbose", "refresh", "inspect", "config show" } do
        it(("is never another identity: %s %s"):format(command, case[1]), function()
          ada:daemon("production")
          ada:daemon("default")
          run("use default")
          ada:must("entra-auth-cli get-token -p production && entra-auth-cli get-token")
          local app = ada.idp.clients.daemon
          local environment = { AZURE_TENANT_ID = ada.idp.tenant, AZURE_CLIENT_ID = app.client_id,
            AZURE_CLIENT_SECRET = app.secret }
          for name, value in pairs(case[2]) do
            environment[name] = value
          end
          local result = ada:run(("entra-auth-cli %s %s"):format(command, case[1]), nil, environment)
          expect.failure(result, 2, "^profile '[%w]*' not found$", "entra-auth-cli config list")
          assert.equal(2, provider.requests("token"))
        end)
      end
    end
  end)

  describe("with a profiles.json that is broken", function()
    local COMMANDS = { "get-token", "refresh", "inspect -p a", "config list", "config show", "config delete -p a",
      "config use a", "config create -n b " .. FLAGS, "config create -n a --force " .. FLAGS }
    local function everywhere(bytes, words)
      ada:must("mkdir -p -m 700 $HOME/.config/entra-auth-cli")
      shell.write(ada.profiles, bytes)
      for _, command in ipairs(COMMANDS) do
        local said = expect.failure(ada:run("entra-auth-cli " .. command), 1, words,
          "repair the file; nothing was changed")
        assert.is_truthy(said.error:find(ada.profiles, 1, true))
        assert.equal(bytes, shell.read(ada.profiles))
      end
      assert.equal("profiles.json\n", ada:must("ls $HOME/.config/entra-auth-cli | grep -v lock").out)
    end

    for _, case in ipairs {
      { "a missing brace", '{"version": 1,\n "profiles": [\n  {"name": "a"\n ]}\n',
        "expected comma or object end but found ']' at line 4, column 2$" },
      { "a trailing comma", '{"version": 1,\n "profiles": [ {"name": "a"}, ]\n}\n', " at line 2, column 31$" },
      { "a comment", '{"version": 1,\n// mine\n "profiles": []}\n', "line 2, column 1$" },
      { "text after the end", '{"version": 1, "profiles": []}\n\nxyz\n', "line 3, column 1" },
      { "an empty file", "", "line 1, column 1" },
      { "not JSON at all", "profiles:\n  - a\n", "line 1, column 1" },
      { "an end in the middle", '{"version": 1, "prof', "line 1, column %d+" },
      { "profiles of another kind", '{"version": 1, "profiles": 5}', "member 'profiles' is not an array" },
      { "a profile without a name", '{"version": 1, "profiles": [{}]}', "profile 1 has no name" },
      { "endless nesting", ("["):rep(5000), "nested too deep" },
    } do
      it("names line and column, exits 1 and leaves it byte for byte: " .. case[1], function()
        everywhere(case[2], "^/.*profiles%.json is not valid: .*" .. case[3])
      end)
    end

    it("does not touch the file of a newer version", function()
      ada:must("mkdir -p -m 700 $HOME/.config/entra-auth-cli")
      local bytes = '{"version": 2, "profiles": {}}'
      shell.write(ada.profiles, bytes)
      for _, command in ipairs(COMMANDS) do
        expect.failure(ada:run("entra-auth-cli " .. command), 1, "^/.*profiles%.json was written by a newer version")
        assert.equal(bytes, shell.read(ada.profiles))
      end
    end)
  end)

  it("keeps members that it does not know, of the file and of each profile", function()
    run("create -n a " .. FLAGS)
    ada:must(([[jq '.later = {"x": [], "y": null} | .profiles[0].mine = [1, {"z": {}}] | .profiles[0].empty = []' \
      %s >$HOME/new && cat $HOME/new >%s]]):format(ada.profiles, ada.profiles))
    run("create -n b " .. FLAGS)
    run("use b")
    run("delete -p b")
    local kept = ada:must("jq -c '[.later, .profiles[0].mine, .profiles[0].empty]' " .. ada.profiles)
    assert.equal('[{"x":[],"y":null},[1,{"z":{}}],[]]\n', kept.out)
  end)

  it("reads the reference tool's bare array, and keeps its profiles when it writes", function()
    ada:must("mkdir -p -m 700 $HOME/.config/entra-auth-cli")
    shell.write(ada.profiles, json.encode { { name = "theirs", tenantId = TENANT, clientId = GUID,
      scopes = { "User.Read" }, authMethod = "ClientSecret", defaultFlow = "ClientCredentials" } })
    assert.equal("theirs\n", run("list").out)
    run("create -n ours " .. FLAGS)
    assert.equal("theirs\nours\n", run("list").out)
    assert.equal("theirs", json.decode(run("show -p theirs -o json").out).name)
  end)

  describe("keeps things", function()
    it("under ENTRA_AUTH_CLI_HOME, all in one folder", function()
      ada.environment.ENTRA_AUTH_CLI_HOME = ada.home .. "/one"
      ada:daemon("default")
      expect.token(ada:run("entra-auth-cli get-token"))
      assert.equal("ca.pem\none\n", ada:must("ls -A $HOME").out)
      assert.matches("profiles.json", ada:must("ls $HOME/one").out)
    end)

    it("under the XDG folders", function()
      ada.environment.XDG_CONFIG_HOME = ada.home .. "/c"
      ada.environment.XDG_STATE_HOME = ada.home .. "/s"
      ada:daemon("default")
      expect.token(ada:run("entra-auth-cli get-token"))
      assert.equal("c\nca.pem\ns\n", ada:must("ls -A $HOME").out)
    end)

    it("nowhere without HOME, and says so", function()
      for _, command in ipairs { "get-token", "refresh", "inspect", "config list", "config create " .. FLAGS } do
        expect.failure(ada:run("unset HOME; entra-auth-cli " .. command), 1,
          "HOME is not set, so there is no place for profiles and tokens", "ENTRA_AUTH_CLI_HOME=/a/private/folder "
          .. "entra-auth-cli …")
      end
    end)

    it("not under a relative ENTRA_AUTH_CLI_HOME", function()
      expect.failure(run("list", nil, { ENTRA_AUTH_CLI_HOME = "here" }), 1,
        "ENTRA_AUTH_CLI_HOME is not an absolute path")
    end)
  end)

  for _, name in ipairs { "config create", "config list", "config show", "config delete", "config use" } do
    it(("explains '%s' on stdout, with examples"):format(name), function()
      local result = ada:must(("entra-auth-cli %s --help"):format(name))
      assert.equal("", result.err)
      assert.matches("^Usage: entra%-auth%-cli " .. name, result.out)
      assert.matches("\nExamples:\n  ?", result.out)
    end)
  end

  it("guesses a mistyped subcommand", function()
    expect.failure(run("lsit"), 1, "unknown command 'config lsit'", "did you mean 'config list'?")
  end)
end)
