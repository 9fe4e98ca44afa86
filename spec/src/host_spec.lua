-- A test run in the background is deaf to SIGINT from birth, hence --default-signal where hearing matters.
local child = require("spec.support.child")

local function lua(code, redirect, before)
  return child("local host = require('entra.host')\n" .. code, redirect, before)
end

describe("entra.host", function()
  it("knows what a descriptor is", function()
    assert.equal("pipe", lua("print(host.kind(0))", "< <(sleep 0)").out:match("%a+"))
    assert.equal("file", lua("print(host.kind(0))", "</etc/passwd").out:match("%a+"))
    assert.equal("other", lua("print(host.kind(0))", "</dev/null").out:match("%a+"))
    assert.equal("other", lua("print(host.kind(0))", "<&-").out:match("%a+"))
  end)

  it("turns core files off", function()
    local out = lua([[host.harden()
      for line in io.lines("/proc/self/limits") do if line:find("core file") then print(line) end end]]).out
    assert.matches("Max core file size%s+0%s+0", out)
  end)

  it("notes a signal, wakes a waiter, and dies of that signal when told to", function()
    local result = lua([[
      local core = require("entra.core")
      local fd = host.catch_signals()
      assert(host.catch_signals() == fd)
      host.die_of_signal() -- none came: returns
      io.popen("kill -INT $PPID"):close() -- os.execute would ignore SIGINT meanwhile
      print(core.wait(60, fd))
      io.stdout:flush()
      host.die_of_signal()
      print("still here")]], "", "env --default-signal=INT")
    assert.equal("nil\tinterrupted\tinterrupted\n", result.out)
    assert.equal(130, result.status)
  end)

  it("stays deaf where a signal is ignored from birth", function()
    local result = lua([[
      host.catch_signals()
      io.popen("kill -TERM $PPID"):close()
      host.die_of_signal()
      print("alive")]], "", "trap '' TERM; exec")
    assert.equal("alive\n", result.out)
  end)

  it("leaves at once with the status given", function()
    assert.equal(7, lua("host.exit(7)").status)
  end)

  it("asks nobody where standard input is no terminal", function()
    local result = child([[print((select(3, require("entra.host").ask_hidden("Password: "))))]], "</dev/null")
    assert.same({ out = "ENOTTY\n", err = "", status = 0 }, result)
  end)
end)
