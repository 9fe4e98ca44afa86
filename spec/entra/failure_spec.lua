local errors = require("entra.errors")
local failure = require("entra.failure")

describe("entra.failure", function()
  local now = 1700000000
  local plan = { entry = "tokens|a", refresh = "refresh|a", started = now }

  local function network(fields)
    return errors.new("network", "down", fields or { code = "connect" })
  end

  it("is shared with those who were waiting when it happened, and with nobody else", function()
    local note = failure.note(network(), plan, now + 5)
    assert.equal("connect", failure.binding(note, plan, now + 5, true).code)
    assert.is_nil(failure.binding(note, plan, now + 5, false))
    assert.is_nil(failure.binding(note, { entry = "tokens|a", started = now + 6 }, now + 7, true))
    assert.is_nil(failure.binding(note, { entry = "tokens|b", started = now }, now + 7, true))
  end)

  it("makes a Retry-After bind everybody until it is over", function()
    local note = failure.note(network { code = "throttled", retry_after = 30 }, plan, now)
    local other = { entry = "tokens|b", started = now + 1 }
    local err = failure.binding(note, other, now + 10, false, true)
    assert.equal(20, err.retry_after)
    assert.matches("20 seconds", err.hint)
    assert.is_nil(failure.binding(note, other, now + 31, false, true))
  end)

  it("remembers a 429 without Retry-After for a short while", function()
    local note = failure.note(network { code = "throttled" }, plan, now)
    assert.is_truthy(failure.binding(note, plan, now + 5, false))
    assert.is_nil(failure.binding(note, plan, now + 11, false))
  end)

  it("remembers a refused refresh for two minutes, unless asked for by name", function()
    local note = failure.note(errors.new("oauth", "refused", { code = "invalid_grant" }), plan, now)
    assert.is_truthy(failure.binding(note, plan, now + 119, false, false))
    assert.is_nil(failure.binding(note, plan, now + 119, false, true))
    assert.is_nil(failure.binding(note, plan, now + 121, false, false))
    assert.is_nil(failure.binding(note, { entry = "tokens|other", started = now }, now + 1, false, false))
  end)

  it("ignores notes from the future and notes that are no notes", function()
    local note = failure.note(network { code = "throttled", retry_after = 30 }, plan, now + 1000)
    assert.is_nil(failure.binding(note, plan, now, true))
    for _, junk in ipairs { {}, { error = "x" }, { error = { kind = "no" }, at = now } } do
      assert.is_nil(failure.binding(junk, plan, now, true))
    end
    assert.is_nil(failure.binding(nil, plan, now, true))
  end)

  it("keeps our own failures to ourselves", function()
    for _, kind in ipairs { "cancelled", "store", "config", "credential", "usage" } do
      assert.is_nil(failure.note(errors.new(kind, "x"), plan, now))
    end
  end)
end)
