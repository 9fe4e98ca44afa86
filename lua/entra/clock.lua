--- Time, as everything else gets it: injected, so that tests set it.
-- @module entra.clock

local core = require("entra.core")

local clock = {}

--- The system's clock.
-- @tparam[opt] number wake a descriptor whose becoming readable ends every wait (Ctrl-C)
-- @treturn table `now()` seconds since 1970, `monotonic()` seconds for deadlines,
--   `wait(seconds)` → true, or nil and an error of kind `cancelled`
function clock.new(wake)
  return {
    now = core.now,
    monotonic = core.monotonic,
    wait = function(seconds)
      if core.wait(seconds, wake) then
        return true
      end
      return nil, require("entra.errors").new("cancelled", "cancelled", { code = "interrupted" })
    end,
  }
end

return clock
