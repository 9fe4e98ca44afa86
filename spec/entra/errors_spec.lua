local errors = require("entra.errors")

describe("entra.errors", function()
  it("print as their message, and know themselves", function()
    local err = errors.new("network", "no route", { code = "connect" })
    assert.equal("no route", tostring(err))
    assert.is_true(errors.is(err))
    assert.is_false(errors.is { kind = "network", message = "no route" })
  end)

  it("cross a thread or a file as plain values and come back", function()
    local err = errors.new("oauth", "refused", { code = "invalid_grant", aadsts = 50076, cause = {}, extra = print })
    local plain = err:plain()
    assert.is_nil(getmetatable(plain))
    assert.is_nil(plain.cause)
    assert.is_nil(plain.extra)
    local back = errors.from_plain(plain)
    assert.equal(50076, back.aadsts)
    assert.is_true(errors.is(back))
  end)

  it("are not made from junk", function()
    for _, junk in ipairs { 3, "x", {}, { kind = "oauth" }, { kind = "no", message = "x" } } do
      assert.is_nil(errors.from_plain(junk))
    end
    assert.has_error(function() errors.new("no_such_kind", "x") end)
  end)
end)
