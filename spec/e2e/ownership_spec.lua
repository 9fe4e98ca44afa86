-- Who may own, read and replace what the CLI keeps. As an ordinary user: root is bound by no mode.
local expect = require("spec.support.expect")
local json = require("dkjson")
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

  local THINGS = { "the state folder", "the records' folder", "the sealing key", "a token", "a client secret", "a lock" }

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
end)
