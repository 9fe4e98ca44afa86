local child = require("spec.support.child")
local clock = require("entra.clock")

describe("entra.clock", function()
  it("tells the wall's time in seconds since 1970, and a time that never goes back", function()
    local system = clock.new()
    assert.is_true(system.now() >= os.time() - 1)
    local last = system.monotonic()
    for _ = 1, 1000 do
      local now = system.monotonic()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("waits, and is cancelled by its descriptor", function()
    assert.is_true(clock.new().wait(0))
    -- A regular file is always readable, so descriptor 0 wakes at once.
    local out = child([[
      local ok, err = require("entra.clock").new(0).wait(60)
      print(ok, err.kind, err.code)]], "</etc/passwd").out
    assert.equal("nil\tcancelled\tinterrupted\n", out)
  end)
end)
