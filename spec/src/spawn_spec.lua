-- Other people's programs: what they are given, what they are not, and how they end. Their output goes
-- nowhere, so they write files.
local child = require("spec.support.child")
local loopback = require("entra.loopback")
local shell = require("spec.support.shell")

describe("spawning", function()
  local dir

  before_each(function() dir = shell.folder() end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  local function program(name, text)
    shell.write(dir .. "/" .. name, text)
    os.execute("chmod 755 " .. dir .. "/" .. name)
    return dir .. "/" .. name
  end

  -- Spawn in a process of its own; `code` sees `loopback` and `dir`.
  local function apart(code, redirect, before)
    return child(("local loopback, dir = require('entra.loopback'), %q\n%s"):format(dir, code), redirect, before)
  end

  describe("gives a program", function()
    it("its arguments byte for byte, through no shell", function()
      local hostile = { "a b", "$(touch " .. dir .. "/pwned)", "; exit 7", "'\"\\`", "*", "", "\27[31m\n",
        "https://x/?a=b&c=%d" }
      local argv = { program("show", "#!/bin/sh\nprintf '%s\\0' \"$@\" >" .. dir .. "/out\n") }
      for i, text in ipairs(hostile) do
        argv[i + 1] = text
      end
      assert.is_true(loopback.spawn { argv = argv })
      assert.equal(table.concat(hostile, "\0") .. "\0", shell.read(dir .. "/out"))
      assert.is_nil(shell.read(dir .. "/pwned"))
    end)

    it("the bytes of its standard input, up to what a pipe holds", function()
      local bytes = {}
      for i = 0, 255 do
        bytes[i + 1] = string.char(i)
      end
      local most = table.concat(bytes):rep(256)
      for _, input in ipairs { "", "x", most } do
        assert.is_true(loopback.spawn { argv = { "cp", "/dev/stdin", dir .. "/out" }, stdin = input })
        assert.equal(input, shell.read(dir .. "/out"))
      end
      assert.is_true(loopback.spawn { argv = { "true" }, stdin = most }) -- who does not read does not hurt
      assert.equal("too_big", (select(3, loopback.spawn { argv = { "true" }, stdin = most .. "x" })))
      assert.is_true(loopback.spawn { argv = { "cp", "/dev/stdin", dir .. "/out" } })
      assert.equal("", shell.read(dir .. "/out"))
    end)

    it("three descriptors and no more, whatever this process has open or closed", function()
      for redirect, stdin in pairs { ["7</etc/passwd 200</etc/passwd"] = "/dev/null", ["<&- >&- 2>&-"] = "/dev/null",
        ["3>&- 4>&-"] = "pipe", ["<&-"] = "pipe", ["<&- 3</etc/passwd"] = "pipe" } do
        local result = apart(([[
          assert(loopback.spawn { stdin = %s,
            argv = { "find", "/proc/self/fd", "-type", "l", "-fprintf", dir .. "/out", "%%f %%l\n" } })
          os.exit(42)]]):format(stdin == "pipe" and "'x'" or "nil"), redirect)
        assert.equal(42, result.status, result.err)
        local found = {}
        for fd, target in shell.read(dir .. "/out"):gmatch("(%d+) ([^:\n]+)") do
          -- What find itself holds: the file that it writes, where it is, and where it looks.
          if target ~= dir .. "/out" and not target:find("^/proc/") and target ~= shell.capture("pwd") then
            found[tonumber(fd)] = target
          end
        end
        assert.same({ [0] = stdin, "/dev/null", "/dev/null" }, found, redirect)
      end
    end)

    it("signals as they are by default", function()
      local result = apart([[
        require("entra.host").catch_signals()
        assert(loopback.spawn { argv = { "cp", "/proc/self/status", dir .. "/out" } })]], "",
        "env --ignore-signal=HUP --ignore-signal=PIPE --block-signal=USR1 --default-signal=INT")
      assert.equal(0, result.status, result.err)
      for _, set in ipairs { "SigBlk", "SigIgn", "SigCgt" } do
        -- 32 and 33 are glibc's own, and cannot be asked for.
        local signals = shell.read(dir .. "/out"):match(set .. ":\t(%x+)\n"):gsub("180000000$", "000000000")
        assert.equal(("0"):rep(16), signals, set)
      end
    end)

    it("an environment without secrets", function()
      local result = apart([[
        assert(loopback.spawn { argv = { "cp", "/proc/self/environ", dir .. "/out" },
          environment = { ADDED = "a=b c", CHANGED = "new", GONE = false, AZURE_WANTED = "" } })]], "", [[env \
        AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PASSWORD=s AZURE_TENANT_ID=t ENTRA_ACCESS_TOKEN=s \
        ENTRA_AUTH_CLI_HOME=h ACTIONS_ID_TOKEN_REQUEST_TOKEN=s SYSTEM_ACCESSTOKEN=s IDENTITY_HEADER=s MSI_SECRET=s \
        CHANGED=old GONE=x GONE_NOT=x DISPLAY=:0 XDG_ACTIVATION_TOKEN=harmless MSI_SECRETARY=x]])
      assert.equal(0, result.status, result.err)
      local found = {}
      for variable in shell.read(dir .. "/out"):gmatch("[^%z]+") do
        local name, value = variable:match("^([^=]+)=(.*)$")
        found[assert(name, variable)] = value
      end
      for _, own in ipairs { "PWD", "OLDPWD", "SHLVL", "_", "PATH", "ASAN_OPTIONS" } do
        found[own] = nil
      end
      assert.same({ ADDED = "a=b c", CHANGED = "new", AZURE_WANTED = "", GONE_NOT = "x", DISPLAY = ":0",
        XDG_ACTIVATION_TOKEN = "harmless", MSI_SECRETARY = "x" }, found)
    end)
  end)

  describe("finds a program", function()
    it("in the absolute entries of PATH, in their order", function()
      local result = apart([[
        for name in ("first second relative here nowhere barred later folder ./here"):gmatch("%S+") do
          print(name, select(3, loopback.spawn { argv = { name } }) or "ran")
        end]], "", ([[cd %s; mkdir -p a/folder b r
          for p in b/first b/second r/relative here a/barred a/later b/later; do echo '#!/bin/sh' >$p; done
          chmod 755 here */*
          chmod 644 a/barred a/later
          printf '#!/bin/sh\n: >first-of-a' >a/first; chmod 755 a/first
          PATH=:r:.:$PWD/a:$PWD/b:/nonexistent:/bin]]):format(dir))
      assert.equal("first\tran\nsecond\tran\nrelative\tENOENT\nhere\tENOENT\nnowhere\tENOENT\nbarred\tEACCES\n"
        .. "later\tran\nfolder\tEACCES\n./here\tran\n", result.out)
      assert.equal("", shell.read(dir .. "/first-of-a"))
    end)

    it("or says which it could not run, and why, and leaves no child behind", function()
      local result = apart([[
        print(loopback.spawn { argv = { "no-such-program", "secret" } })
        print(loopback.spawn { argv = { "/no/such/program" }, detach = true })
        print(loopback.spawn { argv = { dir .. "/text" } })
        print(loopback.spawn { argv = { dir .. "/script" } })
        io.write(io.open("/proc/self/task/" .. io.open("/proc/self/stat"):read("*n") .. "/children"):read("*a"))]], "",
        ("cd %s; echo 'touch pwned' >text; echo '#!/no/such/shell' >script; chmod 755 text script;"):format(dir))
      assert.equal(("nil\tcannot run no-such-program: No such file or directory\tENOENT\n"
        .. "nil\tcannot run /no/such/program: No such file or directory\tENOENT\n"
        .. "nil\tcannot run %s/text: Exec format error\tENOEXEC\n"
        .. "nil\tcannot run %s/script: No such file or directory\tENOENT\n"):format(dir, dir), result.out)
      assert.is_nil(shell.read(dir .. "/pwned")) -- no shell was asked to make sense of it
    end)
  end)

  describe("and waiting", function()
    it("says how the program ended", function()
      assert.is_true(loopback.spawn { argv = { "true" } })
      assert.same({ nil, "false ended with status 1", "status" }, { loopback.spawn { argv = { "false" } } })
      assert.same({ nil, "sh died of signal 9", "status" }, { loopback.spawn { argv = { "sh", "-c", "kill -9 $$" } } })
    end)

    -- `exec` so that what is killed is what was started.
    local ENDLESS = [[{ "sh", "-c", "echo $$ >" .. dir .. "/pid; exec sleep 1000" }]]

    it("kills it when its time is over", function()
      local result = apart("print(loopback.spawn { argv = " .. ENDLESS .. ", timeout = 0.2 })")
      assert.equal("nil\tsh did not end in time\ttimeout\n", result.out)
      assert.is_nil(shell.read(("/proc/%d/stat"):format(shell.read(dir .. "/pid"))))
    end)

    it("kills it on Ctrl-C", function()
      local result = apart([[
        local host = require("entra.host")
        local wake = host.catch_signals()
        local pid = ("%.0f"):format(io.open("/proc/self/stat"):read("*n"))
        local other = io.popen("until [ -s " .. dir .. "/pid ]; do sleep 0.01; done; kill -INT " .. pid)
        print(loopback.spawn { argv = ]] .. ENDLESS .. [[, timeout = 60, wake = wake })
        io.stdout:flush()
        host.die_of_signal()]], "", "env --default-signal=INT")
      assert.equal("nil\tinterrupted\tinterrupted\n", result.out)
      assert.equal(130, result.status)
      assert.is_nil(shell.read(("/proc/%d/stat"):format(shell.read(dir .. "/pid"))))
    end)

    it("is content where the host ignores its children's ends", function()
      local result = apart("print(loopback.spawn { argv = { 'false' } })", "", "env --ignore-signal=CHLD")
      assert.equal("true\n", result.out)
    end)
  end)

  describe("and detaching", function()
    it("leaves a program alone: no child of ours, no member of our session or group", function()
      local result = apart([[
        assert(loopback.spawn { detach = true,
          argv = { "sh", "-c", "cd " .. dir .. "; until [ -e go ]; do sleep 0.01; done; cp /proc/$$/stat out" } })
        local pid = ("%.0f"):format(io.open("/proc/self/stat"):read("*n"))
        print(pid, io.open("/proc/self/task/" .. pid .. "/children"):read("*a"))
        print(io.open("/proc/self/stat"):read("*a"))]])
      local own, children = result.out:match("^(%d+)\t(.-)\n")
      local group, session = result.out:match("\n%d+ %b() %a %d+ (%d+) (%d+)")
      assert.equal("", children)
      shell.write(dir .. "/go", "") -- it is still there, though who started it is not
      shell.capture("until [ -s " .. dir .. "/out ]; do sleep 0.01; done")
      local pid, parent, its_group, its_session = shell.read(dir .. "/out"):match("^(%d+) %b() %a (%d+) (%d+) (%d+)")
      assert.not_equal(own, parent)
      assert.not_equal(group, its_group)
      assert.not_equal(session, its_session)
      assert.not_equal(pid, its_session) -- no leader: it cannot get a terminal
    end)
  end)

  it("raises on misuse, without showing a value", function()
    local wrong = { {}, { argv = {} }, { argv = "x" }, { argv = { "" } }, { argv = { 3 } },
      { argv = { "x", "sec\0ret" } },
      { argv = { "x" }, environment = "x" }, { argv = { "x" }, environment = { ["A=B"] = "secret" } },
      { argv = { "x" }, environment = { [""] = "secret" } }, { argv = { "x" }, environment = { "secret" } },
      { argv = { "x" }, environment = { A = true } }, { argv = { "x" }, environment = { A = "sec\0ret" } },
      { argv = { "x" }, stdin = 3 }, { argv = { "x" }, stdin = "secret", detach = true },
      { argv = { "x" }, timeout = -1 }, { argv = { "x" }, detach = "yes" } }
    for i, fields in ipairs(wrong) do
      local ok, message = pcall(loopback.spawn, fields)
      assert.is_false(ok, "case " .. i)
      assert.is_nil(message:find("sec", 1, true))
    end
    assert.has_error(function() loopback.spawn() end)
  end)
end)
