-- A disk that fails: every single change made to fail in turn, by each error, and a disk that is really full.
local expect = require("spec.support.expect")
local failing = require("spec.support.failing")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("a failing disk", function()
  local ada, store

  before_each(function()
    provider.reset()
    ada = user.new()
    store = ada.home .. "/store"
    ada.environment.ENTRA_AUTH_CLI_HOME = store -- all of it below one folder
    ada.environment.BROWSER = user.BROWSER
    ada:daemon("app")
    ada:person("me", true)
  end)
  after_each(function() ada:remove() end)

  local function create(name)
    local app = ada.idp.clients.daemon
    return ("printf %%s %s | entra-auth-cli config create -n %s --tenant %s --client-id %s --client-secret-stdin"
      .. " --force"):format(shell.quote(app.secret), name, ada.idp.tenant, app.client_id)
  end

  -- What meets the failing disk: `run`; `prints`: whether it prints a token; `first` makes it new again;
  -- `then_` is what must work afterwards.
  local COMMANDS = {
    refresh = { run = function() return "entra-auth-cli refresh -p me" end, prints = true },
    app = { run = function() return "entra-auth-cli get-token -p app --force" end, prints = true },
    person = { run = function() return "entra-auth-cli get-token -p me --force" end, prints = true },
    ["sign-in"] = { run = function() return "entra-auth-cli get-token -p me --force --flow interactive" end,
      prints = true },
    ["new profile"] = { run = function() return create("fresh") end, then_ = "entra-auth-cli get-token -p fresh",
      first = "entra-auth-cli config delete -p fresh 2>/dev/null" },
    ["replaced profile"] = { run = function() return create("app") end, then_ = "entra-auth-cli get-token -p app" },
  }

  -- Never silence, and never anything but these lines: a complaint that names path and remedy; or what was
  -- asked for, with such warnings or none.
  local function is_said(result, prints, what)
    expect.harmless(result.err)
    local rest = result.err:gsub("Warning: ([^\n]*)\n", function(line)
      assert.matches("/store", line, what)
      assert.matches("; [^;]*disk that holds '/[^;]*$", line:gsub("; try again$", "; disk that holds '/'"), what)
      return ""
    end)
    if result.status == 0 then
      if prints then
        assert.matches("^eyJ[^\n]*\n$", result.out, what)
      end
      rest = rest:gsub("^Your browser was opened.-\nApp [^\n]*\n", ""):gsub("^Profile '%w+' %w+%.\n", "")
      assert.equal("", rest, what)
    else
      assert.equal(1, result.status, what .. ": " .. result.err)
      assert.equal("", result.out, what)
      local said = expect.complaint(rest)
      assert.matches("/store", said.error, what)
      assert.is_true(said.hint:find("disk that holds '/", 1, true) ~= nil or said.hint == "try again", what)
    end
  end

  -- Every profile and record opens; one temporary file at most was left, and is gone after the next run.
  local function is_whole(shown, what)
    for method, secret in shown:gmatch("authMethod%s+(%S+)\n.-clientSecret%s+([^\n]+)\n") do
      assert.equal(method == "client-secret" and "stored" or "none", secret, what)
    end
    assert.matches("\nname%s+app\n", "\n" .. shown, what)
    assert.matches("\nname%s+me\n.-\nrefreshToken%s+stored\n", "\n" .. shown, what)
    for _, wrong in ipairs { "unreadable", "%.broken", "%.tmp\n.*%.tmp", "%.tmp\n$" } do
      assert.is_nil(shown:find(wrong), what .. ": " .. shown)
    end
  end

  -- Run a command on the failing disk, look at everything, then run it again on a sound one.
  local function strike(command, how, at, and_on, what)
    local run, dir = command.run(), shell.folder()
    local words = failing.words(store, how, at, and_on):gsub("%%", "%%%%")
    local after = ada:run(([[
      %s
      { %s; } >%s/out 2>%s/err
      echo $? >%s/status
      find %s -name '*.broken' -o -name '*.tmp'
      for p in $(entra-auth-cli config list); do entra-auth-cli config show -p $p; done
      { %s && %s; } >/dev/null || exit
      find %s -name '*.tmp']]):format(command.first or "", run:gsub("entra%-auth%-cli", words .. " %0", 1), dir, dir,
      dir, store, run, command.then_ or ":", store))
    local result = { out = shell.read(dir .. "/out"), err = shell.read(dir .. "/err"),
      status = tonumber(shell.read(dir .. "/status")) }
    os.execute("rm -rf " .. dir)
    is_said(result, command.prints, what)
    assert.equal(0, after.status, what .. ": " .. after.err)
    is_whole(after.out, what)
    return result
  end

  local function changes(command)
    local names = failing.changes(ada, command.run(), store)
    assert.is_true(#names >= 4, table.concat(names, " "))
    return names
  end

  -- Which errors meet which commands; `and on`: and so does every change after it, as on a full disk.
  for _, case in ipairs {
    { "EIO", "refresh", "app", "person", "sign-in", "new profile", "replaced profile" },
    { "ENOSPC", "refresh", "app", "new profile" }, { "ENOSPC and on", "refresh", "app", "sign-in", "new profile" },
    { "EDQUOT", "refresh", "app", "new profile" },
  } do
    for i = 2, #case do
      it(("that answers %s to any one change of '%s' harms nothing, and is reported"):format(case[1], case[i]),
        function()
          local how, and_on = case[1]:match("^%u+"), case[1]:find("and on", 1, true)
          for at, name in ipairs(changes(COMMANDS[case[i]])) do
            local what = ("%s of %s, number %d"):format(case[1], name, at)
            local result = strike(COMMANDS[case[i]], how, at, and_on, what)
            -- Folders that are there need not be made, and what is left over may stay for a while.
            assert.is_true(result.err:find("/store", 1, true) ~= nil or name == "mkdir" or name == "unlink", what)
          end
        end)
    end
  end

  it("that interrupts any one change, or cuts a write short, is not even noticed", function()
    for _, name in ipairs { "refresh", "app", "new profile" } do
      for at, change in ipairs(changes(COMMANDS[name])) do
        for _, how in ipairs { "EINTR", change == "write" and "short" or nil } do
          local what = ("%s of %s, number %d of %s"):format(how, change, at, name)
          local result = strike(COMMANDS[name], how, at, false, what)
          -- Whether a name was changed before the interruption nobody can tell.
          if change ~= "rename" then
            assert.equal(0, result.status, what .. ": " .. result.err)
            assert.is_nil(result.err:find("Warning", 1, true), what)
          end
        end
      end
    end
  end)

  -- Run a script whose store is on a disk of 64 KiB; `fill` and `empty` do so.
  local function on_a_small_disk(script)
    if not user.IS_ROOT then
      return nil, "needs root to mount a small disk"
    end
    local result = ada:run(([[
      store=%s
      fill() { cat /dev/zero >$store/ballast 2>/dev/null; }
      empty() { rm $store/ballast; }
      said() { "$@" >~/out 2>~/err; echo "$? $(head -c 3 ~/out) $(grep '^[A-Z][a-z]*:' ~/err)"; }
      cp -a $store ~/kept
      mount -t tmpfs -o size=64k,mode=700 none $store || exit 99
      trap 'umount $store' EXIT
      cp -a ~/kept/. $store/
      ]]):format(store) .. script)
    if result.status == 99 then
      return nil, "needs the right to mount: " .. result.err
    end
    return result
  end

  local FULL = "cannot write /%S+: No space left on device"
  local ROOM = "make room on the disk that holds '/%S+'\n"

  it("that is full costs no sign-in, not even under strict rotation: the refresh token stays at home", function()
    provider.settings { rotation = "strict" }
    local result, need = on_a_small_disk([[
      fill; said entra-auth-cli refresh -p me; said entra-auth-cli get-token -p me --force
      find $store -name '*.tmp'
      empty; said entra-auth-cli refresh -p me; said entra-auth-cli refresh -p me]])
    if not result then
      return pending(need)
    end
    local refused = "1  Error: " .. FULL .. "\nHint: " .. ROOM
    assert.matches("^" .. refused .. refused .. "0 eyJ \n0 eyJ \n$", result.out)
    assert.equal(2, provider.tokens("refresh_token"))
  end)

  it("that is full hands out what can be had again, and what a person signed in for, with a warning", function()
    local result, need = on_a_small_disk([[
      fill; said entra-auth-cli get-token -p app --force
      said entra-auth-cli get-token -p me --force --flow interactive
      empty; said entra-auth-cli refresh -p me; said entra-auth-cli get-token -p app --force]])
    if not result then
      return pending(need)
    end
    local why = FULL .. "; " .. ROOM
    assert.matches("^0 eyJ Warning: the token is not cached: " .. why
      .. "0 eyJ Warning: the sign%-in is not stored: " .. why .. "0 eyJ \n0 eyJ \n$", result.out)
  end)

  it("that is full takes no new profile, and keeps the old ones", function()
    local result, need = on_a_small_disk(("fill; said eval %s; empty; entra-auth-cli config list; %s; "
      .. "said entra-auth-cli get-token -p fresh"):format(shell.quote(create("fresh")), create("fresh")))
    if not result then
      return pending(need)
    end
    assert.matches("^1  Error: " .. FULL .. "\nHint: " .. ROOM .. "app\nme\n0 eyJ \n$", result.out)
  end)
end)
