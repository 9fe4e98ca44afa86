-- A clock that only moves when somebody waits, or when the spec says so.
local errors = require("entra.errors")

return function(start)
  local clock = { time = start or 1700000000, waits = {} }

  function clock.now()
    return clock.time
  end

  function clock.monotonic()
    return clock.time - 1690000000
  end

  function clock.wait(seconds)
    if clock.cancel then
      return nil, errors.new("cancelled", "cancelled", { code = "interrupted" })
    end
    clock.waits[#clock.waits + 1] = seconds
    clock.time = clock.time + seconds
    return true
  end

  function clock.pass(seconds)
    clock.time = clock.time + seconds
  end

  return clock
end
