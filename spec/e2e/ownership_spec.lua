-- Who may own, read and replace what the CLI keeps. As an ordinary user: root is bound by no mode.
local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local UID, ANOTHER = user.ORDINARY, 12345

-- Makes a socket of that name in the current folder.
local SOCKET = "perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un(shift)) or die'"

if not user.IS_ROOT then
  describe("ownership", function()
    pending("needs root, to become other users and to give files away")
  end)
  return
end

describe("ownership:", function()
  local ada, state, config, profiles

  -- As ada, who is an ordinary user. What hangs exits 124.
  local function run(command, ...)
    return ada:run_as(UID, "timeout 20 entra-auth-cli " .. command, ...)
  end

  local function as_root(script, ...)
    return ada:must(script:format(...))
  end

  local function quoted(path)
    return shell.quote(path)
  end

  -- The home's path is one that a careless hint would break.
  before_each(function()
    provider.reset()
    ada = user.new()
    local home = ada.home .. "/o'brien & son"
    ada:must(("mkdir %s; chmod 755 $HOME; chmod 644 $SSL_CERT_FILE"):format(quoted(home)))
    ada.environment.HOME = home
    config, state = home .. "/.config/entra-auth-cli", home .. "/.local/state/entra-auth-cli"
    profiles = config .. "/profiles.json"
    ada:daemon("default")
    ada:must(("chown -R %d:%d %s"):format(UID, UID, quoted(home)))
  end)

  after_each(function()
    ada:remove()
  end)

  -- Everything that is secret, with a command that uses it. The first token is fetched before the names are known.
  local function things()
    expect.token(run("get-token"))
    local records = state .. "/records"
    local lock = shell.capture("ls " .. quoted(records) .. "/*.lock")
    local token = lock:gsub("lock$", "rec")
    local secret = shell.capture(("ls %s/*.rec | grep -vF %s"):format(quoted(records), quoted(token)))
    return {
      ["the state folder"] = { path = state, folder = true },
      ["the records' folder"] = { path = records, folder = true },
      ["the sealing key"] = { path = state .. "/key" },
      ["a token"] = { path = token },
      ["a client secret"] = { path = secret, flags = " --force" },
      ["a lock"] = { path = lock, flags = " --force" },
    }
  end

  local THINGS = { "the state folder", "the records' folder", "the sealing key", "a token", "a client secret",
    "a lock" }

  local function refused(thing, words, hint)
    local said = expect.failure(run("get-token" .. (thing.flags or "")), 1)
    assert.equal(thing.path .. " " .. words, said.error)
    assert.equal(hint, said.hint)
    return said.hint
  end

  local function works(thing)
    return expect.token(run("get-token" .. (thing.flags or "")))
  end

  for _, name in ipairs(THINGS) do
    describe(name, function()
      it("that is open to others is refused, and the chmod of the hint mends it", function()
        local thing = things()[name]
        for _, mode in ipairs(thing.folder and { "755", "750", "705", "770", "777", "701", "710", "722" }
          or { "640", "604", "644", "660", "602", "620", "666", "601" }) do
          as_root("chmod %s %s", mode, quoted(thing.path))
          local hint = refused(thing, ("is open to others (mode %s)"):format(mode),
            ("chmod %s %s"):format(thing.folder and "700" or "600", quoted(thing.path)))
          assert.equal(0, ada:run_as(UID, hint).status)
          works(thing)
        end
      end)

      it("that is somebody else's is refused, and the chown of the hint mends it", function()
        local thing = things()[name]
        ada:stand_in("sudo", '#!/bin/sh\nexec "$@"\n')
        for _, owner in ipairs { 0, ANOTHER } do
          local hint
          for _, mode in ipairs(thing.folder and { "755", "777", "711", "700" } or { "644", "666", "600" }) do
            as_root("chown %d:%d %s; chmod %s %s", owner, owner, quoted(thing.path), mode, quoted(thing.path))
            hint = refused(thing, ("belongs to user %d, not to you"):format(owner), thing.folder
              and ("sudo chown -R %d %s  # or set ENTRA_AUTH_CLI_HOME to a folder of your own"):format(
                UID, quoted(thing.path))
              or ("sudo chown %d %s"):format(UID, quoted(thing.path)))
          end
          as_root("%s", hint)
          works(thing)
        end
      end)

      it("that a link leads to is refused, wherever the link leads", function()
        local thing = things()[name]
        local elsewhere = ada.environment.HOME .. "/elsewhere"
        local link, from = quoted(thing.path), quoted(elsewhere)
        as_root("mv %s %s", link, from)
        local hint = "rm " .. link
        if name == "the sealing key" then -- which must not be lost
          hint = ('install -m 600 "$(readlink -f %s)" %s'):format(link, link)
        end
        for _, target in ipairs { from, "/etc/passwd", "/", "/nowhere", link, "/root/.profile" } do
          as_root("ln -sfn %s %s && chown -h %d %s", target, link, UID, link)
          refused(thing, "is a symbolic link", hint)
        end
        as_root("ln -sfn %s %s", from, link)
        assert.equal(0, ada:run_as(UID, hint).status)
        assert.equal(0, ada:run("test -e " .. from).status, "the hint took away what the link led to")
        if not thing.folder and name ~= "a client secret" then
          works(thing)
        end
      end)

      it("is refused where something else stands in its place, and nothing hangs", function()
        local thing = things()[name]
        local path = quoted(thing.path)
        as_root("mv %s %s.kept", path, path)
        local words = thing.folder and "is not a folder" or "is not a regular file"
        for _, make in ipairs { "mkfifo -m 600", "mknod -m 600 there c 1 3; :", SOCKET,
          thing.folder and "touch" or "mkdir -m 700" } do
          as_root('cd "$(dirname %s)"; rm -rf there; %s there; chown %d there; mv there %s', path, make, UID, path)
          local hint = refused(thing, words, ("mv %s %s.old"):format(path, path))
          assert.equal(0, ada:run_as(UID, hint).status)
          as_root("rm -rf %s.old", path)
        end
        as_root("mv %s.kept %s", path, path)
        works(thing)
      end)
    end)
  end

  describe("profiles.json", function()
    local function refused_for(commands, path, words, hint)
      for _, command in ipairs(commands) do
        local said = expect.failure(run(command), 1)
        assert.same({ path .. " " .. words, hint }, { said.error, said.hint }, command)
      end
    end

    local ALL = { "get-token", "refresh", "inspect", "config list", "config show", "config use default",
      "config delete" }
    local WRITING = { "config use default", "config delete",
      "config create --tenant t --client-id 00000000-0000-4000-8000-000000000000" }

    it("that others may write is refused, and the chmod of the hint mends it", function()
      for _, mode in ipairs { "664", "606", "622", "660", "602", "620", "666" } do
        as_root("chmod %s %s", mode, quoted(profiles))
        local hint = "chmod go-w,u+r " .. quoted(profiles)
        refused_for(mode == "664" and ALL or { "get-token" }, profiles, ("may be written by others (mode %s)"):format(
          mode), hint)
        assert.equal(0, ada:run_as(UID, hint).status)
        expect.token(run("get-token"))
      end
    end)

    it("is read from a folder that others may read, but not from one that they may write", function()
      for _, mode in ipairs { "755", "711", "500", "555" } do
        as_root("chmod %s %s", mode, quoted(config))
        expect.token(run("get-token"))
      end
      for _, mode in ipairs { "777", "775", "733", "722", "1777" } do
        as_root("chmod %s %s", mode, quoted(config))
        local hint = "chmod go-w,u+r " .. quoted(config)
        refused_for({ "get-token", "config list" }, config, ("may be written by others (mode %s)"):format(
          mode:sub(-3)), hint)
        assert.equal(0, ada:run_as(UID, hint).status)
        expect.token(run("get-token"))
      end
    end)

    it("is written only in a folder of ada's alone", function()
      local before = shell.read(profiles)
      as_root("chmod 755 %s", quoted(config))
      refused_for(WRITING, config, "is open to others (mode 755)", "chmod 700 " .. quoted(config))
      assert.equal(0, ada:run_as(UID, "chmod 700 " .. quoted(config)).status)
      assert.equal(0, run("config use default").status)
      as_root("chown 0 %s; chmod 755 %s", quoted(config), quoted(config))
      refused_for(WRITING, config, "belongs to user 0, not to you",
        ("sudo chown -R %d %s  # or set ENTRA_AUTH_CLI_HOME to a folder of your own"):format(UID, quoted(config)))
      assert.not_equal(before, shell.read(profiles))
    end)

    it("may be anybody's and read-only, as long as ada may read it", function()
      for _, owner in ipairs { UID, 0, ANOTHER } do
        for _, mode in ipairs { "644", "444", "604", owner == UID and "400" or "704" } do
          as_root("chown %d:%d %s; chmod %s %s", owner, owner, quoted(profiles), mode, quoted(profiles))
          expect.token(run("get-token"))
        end
      end
      as_root("chmod 600 %s", quoted(profiles))
      refused_for({ "get-token", "config list", "config use default" }, profiles,
        ("belongs to user %d, not to you"):format(ANOTHER), ("sudo chown %d %s"):format(UID, quoted(profiles)))
      as_root("chown %d %s; chmod 0 %s", UID, quoted(profiles), quoted(profiles))
      refused_for({ "get-token" }, profiles, "is closed to you (mode 000)", "chmod go-w,u+r " .. quoted(profiles))
    end)

    it("may be a link, and stays one when it is written", function()
      for _, target in ipairs { ada.environment.HOME .. "/dotfiles.json", config .. "/a.json" } do
        as_root("mv %s %s; ln -s %s %s", quoted(profiles), quoted(target), quoted(target), quoted(profiles))
        expect.token(run("get-token"))
        local before = shell.read(target)
        assert.equal(0, run("config use default").status)
        assert.equal("symbolic link", shell.capture("stat -c %F " .. quoted(profiles)))
        assert.is_truthy(#shell.read(target) > #before or before:find('"current"', 1, true))
        as_root("rm %s; mv %s %s", quoted(profiles), quoted(target), quoted(profiles))
      end
      as_root('cd "$HOME"; mv %s theirs; chown 0 theirs; chmod 644 theirs; ln -s "$HOME/theirs" %s', quoted(profiles),
        quoted(profiles))
      expect.token(run("get-token"))
    end)

    it("may be in a folder that is a link", function()
      as_root('mv %s "$HOME/dotfiles"; ln -s "$HOME/dotfiles" %s', quoted(config), quoted(config))
      expect.token(run("get-token"))
      assert.equal(0, run("config use default").status)
      assert.matches('"current"', as_root('cat "$HOME/dotfiles/profiles.json"').out)
      assert.equal("symbolic link", shell.capture("stat -c %F " .. quoted(config)))
      as_root('chmod 755 "$HOME/dotfiles"')
      refused_for(WRITING, ada.environment.HOME .. "/dotfiles", "is open to others (mode 755)",
        "chmod 700 " .. quoted(ada.environment.HOME .. "/dotfiles"))
    end)

    it("may be a mounted ConfigMap", function()
      local result = ada:run([[exec unshare -m bash -c '
        cd "$HOME/.config"; mkdir mounted; cp entra-auth-cli/profiles.json .; rm -r entra-auth-cli
        mount -t tmpfs -o mode=777 tmpfs mounted && mkdir -m 755 mounted/..2026 && mv profiles.json mounted/..2026
        chown -R 0 mounted; chmod 644 mounted/..2026/profiles.json
        ln -s ..2026 mounted/..data; ln -s ..data/profiles.json mounted/profiles.json
        mount -o remount,ro mounted; mkdir entra-auth-cli; mount --move mounted entra-auth-cli
        ls -ld entra-auth-cli/ >&2
        setpriv --reuid=65534 --regid=65534 --clear-groups entra-auth-cli get-token']])
      if result.err:find("unshare failed", 1, true) then
        pending("needs the right to mount")
      end
      assert.equal(0, result.status, result.err)
      assert.matches("^drwxrwxrwx ", result.err)
      assert.matches("^eyJ", result.out)
    end)

    it("is refused where something else stands in its place, and nothing hangs", function()
      for _, make in ipairs { "mkfifo", "mkdir", "ln -s /dev/zero", SOCKET } do
        as_root('cd %s; rm -rf there profiles.json; %s there; chown -h %d there; mv there profiles.json',
          quoted(config), make, UID)
        refused_for({ "get-token", "config use default" }, profiles, "is not a regular file",
          ("mv %s %s.old"):format(quoted(profiles), quoted(profiles)))
      end
    end)

    it("is not changed through a lock that somebody laid out", function()
      local before, lock = shell.read(profiles), profiles .. ".lock"
      for words, make in pairs { ["is a symbolic link"] = "ln -s /etc/passwd", ["is not a regular file"] = "mkfifo" } do
        as_root("rm -f %s; %s %s; chown -h %d %s", quoted(lock), make, quoted(lock), UID, quoted(lock))
        refused_for(WRITING, lock, words, (words:find("link") and "rm %s" or "mv %s %s.old"):format(
          quoted(lock), quoted(lock)))
      end
      assert.equal(before, shell.read(profiles))
    end)
  end)

  describe("a file that --client-secret-file names", function()
    local function create(path, before)
      return ada:run_as(UID, ("%stimeout 20 entra-auth-cli config create -n new --tenant %s --client-id %s "
        .. "--client-secret-file %s"):format(before or "", ada.idp.tenant, ada.idp.clients.daemon.client_id, path))
    end

    local function is_good(result, err)
      assert.same({ "", err .. "Profile 'new' created.\n", 0 }, { result.out, result.err, result.status })
      expect.token(run("get-token -p new"))
      assert.equal(0, run("config delete -p new").status)
    end

    local file

    before_each(function()
      file = ada.environment.HOME .. "/secret file.txt"
      shell.write(file, ada.idp.clients.daemon.secret .. "\n")
      as_root("chown %d %s", UID, quoted(file))
    end)

    it("may be read-only, but is worth a warning with the chmod where it is open to others", function()
      for _, mode in ipairs { "600", "400" } do
        as_root("chmod %s %s", mode, quoted(file))
        is_good(create(quoted(file)), "")
      end
      for _, mode in ipairs { "644", "640", "444", "666" } do
        as_root("chmod %s %s", mode, quoted(file))
        local result = create(quoted(file))
        local hint = result.err:match("; (chmod [^\n]*)\n")
        is_good(result, ("Warning: %s is open to others (mode %s); chmod 600 %s\n"):format(file, mode, quoted(file)))
        assert.equal(0, ada:run_as(UID, hint).status)
        is_good(create(quoted(file)), "")
      end
    end)

    it("may be somebody else's, and links may lead to it, as Kubernetes and Docker mount secrets", function()
      as_root('cd "$HOME/.." && mkdir mnt mnt/..2026; cp %s mnt/..2026/secret; chmod 755 mnt mnt/..2026; '
        .. "chmod 444 mnt/..2026/secret; ln -s ..2026 mnt/..data; ln -s ..data/secret mnt/secret", quoted(file))
      is_good(create('"$HOME/../mnt/secret"'), "")
      is_good(create('"$HOME/../mnt/..2026/secret"'), "")
    end)

    it("may be a pipe whose writer comes later", function()
      local pipe = '"$HOME/pipe"'
      is_good(create(pipe, ('mkfifo %s; (cat %s >%s || touch "$HOME/broken") & '):format(pipe, quoted(file), pipe)), "")
      assert.is_nil(shell.read(ada.environment.HOME .. "/broken"))
    end)

    it("is named where it cannot be read", function()
      as_root("chown 0 %s; chmod 600 %s", quoted(file), quoted(file))
      for path, words in pairs { [file] = "Permission denied", ["/"] = "Is a directory",
        ["/nowhere"] = "No such file or directory" } do
        expect.failure(create(quoted(path)), 1, ("cannot read the client secret: %s: %s"):format(path, words),
          "name a file that you may read, or pipe the secret into --client-secret-stdin")
      end
      as_root(": >%s; chmod 644 %s", quoted(file), quoted(file))
      expect.failure(create(quoted(file)), 1, ("cannot read the client secret: %s is empty"):format(file))
    end)
  end)

  describe("what is deleted", function()
    local function records()
      return ada:must('cd "$HOME"; find . -name "*.rec*" -o -name "*.note"').out
    end

    it("goes whatever its mode", function()
      local all = things()
      as_root("chmod 666 %s; chmod 604 %s", quoted(all["a token"].path), quoted(all["a client secret"].path))
      assert.equal(0, run("config delete").status)
      assert.equal("", records())
    end)

    it("stays, and its profile with it, where it cannot be looked into; the hint mends it", function()
      local all = things()
      ada:stand_in("sudo", '#!/bin/sh\nexec "$@"\n')
      as_root("chown 0 %s", quoted(all["a token"].path))
      local before, kept = shell.read(profiles), records()
      local said = expect.failure(run("config delete"), 1, all["a token"].path .. " belongs to user 0, not to you")
      assert.same({ before, kept }, { shell.read(profiles), records() })
      as_root("%s", said.hint)
      assert.equal(0, run("config delete").status)
      assert.equal("", records())
    end)

    it("is said to be left where its profile was replaced nevertheless", function()
      local all = things()
      as_root("chown 0 %s", quoted(all["a token"].path))
      local result = run(("config create --force --tenant %s --client-id %s"):format(ada.idp.tenant,
        ada.idp.clients.public.client_id))
      assert.equal(("Warning: what the old profile stored is still there: %s belongs to user 0, not to you; "
        .. "sudo chown %d %s\nProfile 'default' replaced.\n"):format(all["a token"].path, UID,
          quoted(all["a token"].path)), result.err)
    end)

    it("is never sought through a link", function()
      things()
      as_root('mv %s "$HOME/elsewhere"; ln -s "$HOME/elsewhere" %s', quoted(state .. "/records"),
        quoted(state .. "/records"))
      local before = records()
      expect.failure(run("config delete"), 1, state .. "/records is a symbolic link")
      assert.equal(before, records())
    end)
  end)

  it("root in ada's home is refused too, and leaves nothing there", function()
    things()
    local owner = ("belongs to user %d, not to you"):format(UID)
    local words = "run this as the user whose it is, or set ENTRA_AUTH_CLI_HOME to a folder of your own"
    for command, path in pairs {
      ["get-token"] = state, ["get-token --force"] = state, refresh = state, inspect = state,
      ["config use default"] = config, ["config delete"] = config,
      ["config create -n new --tenant t --client-id 00000000-0000-4000-8000-000000000000"] = config,
    } do
      expect.failure(ada:run("entra-auth-cli " .. command), 1, path .. " " .. owner, words)
    end
    -- A store that holds nothing yet is no other.
    as_root("rm %s/records/*", quoted(state))
    for _, command in ipairs { "get-token", "get-token --force -f device-code", "refresh" } do
      expect.failure(ada:run("entra-auth-cli " .. command), 1, state .. " " .. owner, words)
    end
    assert.equal("", ada:must('find "$HOME" ! -user 65534').out)
  end)

  it("root is refused a file of somebody else's in a folder of its own, and may take it", function()
    local all = things()
    as_root("chown 0 %s %s/records", quoted(state), quoted(state))
    for _, name in ipairs { "a token", "the sealing key" } do
      local said = expect.failure(ada:run("entra-auth-cli get-token"), 1,
        ("%s belongs to user %d, not to you"):format(all[name].path, UID), "chown 0 " .. quoted(all[name].path))
      as_root("%s", said.hint)
    end
    expect.token(ada:run("entra-auth-cli get-token"))
  end)
end)
