local core = require("entra.core")
local token = require("entra.token")

describe("entra.token", function()
  local function new(fields)
    local out = { access_token = "e30.eyJzdWIiOiJhZGEifQ.c2ln", token_type = "Bearer", expires_on = 1700003600 }
    for name, value in pairs(fields or {}) do
      out[name] = value
    end
    return token.new(out)
  end

  it("does not print its secret", function()
    assert.equal("entra.token(redacted)", tostring(new()))
  end)

  it("counts down to its expiry, and below zero after it", function()
    assert.equal(3600, new():expires_in(1700000000))
    assert.equal(-400, new():expires_in(1700004000))
    assert.is_true(new { expires_on = core.now() + 1e6 }:expires_in() > 0)
    assert.is_true(new { expires_on = 1 }:expires_in() < 0)
  end)

  it("shows its claims, or says that it has none to show", function()
    assert.same({ sub = "ada" }, new():claims())
    local claims, err = new { access_token = "opaque-secret" }:claims()
    assert.is_nil(claims)
    assert.equal("token_format", err.code)
    assert.is_nil(err.message:find("opaque-secret", 1, true))
  end)
end)
