--- One at a time: work under an entry's lock, between threads, processes and users of one store.
-- @module entra.flight

local failure = require("entra.failure")

local flight = {}

--- Take the lock, look again, and only then work.
--
-- A process that waited here while another one failed returns that failure
-- (`entra.failure`), lest a hanging provider be asked by each in turn.
--
-- @tparam entra.client self
-- @tparam table plan of the call: `lock`, `deadline`, `refresh`
-- @tparam function answered `answered(waited)` is the second look: an item that makes the work needless
-- @tparam function work returns an item, or nil, an error and what else the caller should have
-- @tparam[opt] boolean explicit whether a refresh was asked for by name, so that no refusal is remembered
-- @treturn table|nil the item
-- @treturn boolean|entra.errors true where the second look found it
-- @return what `work` gave beside its error
function flight.run(self, plan, answered, work, explicit)
  local clock = self.clock
  local patience = math.max(0, plan.deadline - clock.monotonic())
  if self.lock_patience and not plan.refresh then
    patience = math.min(patience, self.lock_patience)
  end
  local lock, waited = self.store:lock(plan.lock, patience, self.wake)
  if not lock then
    local err = waited
    -- A second token does no harm to an app, and is not worth keeping many requests waiting.
    local too_long = err.kind == "timeout" and self.lock_patience
    if plan.refresh or err.kind ~= "store" and not too_long or require("entra.remedy").is_refusal(err.code) then
      return nil, err
    end
    self.warn("working without a store: " .. err:line())
    self.storeless = true -- said once
    return work()
  end
  self.storeless = nil
  local function inside()
    local item = answered(waited)
    if item then
      return item, true
    end
    local note = self.store:read_note(plan.lock)
    local err = failure.binding(note, plan, clock.now(), waited, explicit)
    if err then
      self.log("remembered failure: %s", err.message)
      return nil, err
    end
    local beside
    item, err, beside = work()
    if err or note then
      self.store:write_note(plan.lock, err and failure.note(err, plan, clock.now()))
    end
    return item, err, beside
  end
  local ok, item, more, beside = pcall(inside)
  lock:release()
  if not ok then
    error(item, 0)
  end
  return item, more, beside
end

return flight
