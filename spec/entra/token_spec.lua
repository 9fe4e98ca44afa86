local core = require("entra.core")
local token = require("entra.token")

describe("entra.token", function()
  it("does not print itself", function()
    assert.equal("entra.token(redacted)", tostring(token.new { access_token = "telling" }))
  end)

  it("knows what remains of it", function()
    assert.equal(60, token.new { expires_on = 1060 }:expires_in(1000))
    assert.is_true(token.new { expires_on = 1060 }:expires_in() < 0)
  end)

  it("decodes its claims, or says why not", function()
    local text = core.base64url_encode('{"alg":"RS256"}') .. "." .. core.base64url_encode('{"oid":"o"}') .. ".c2ln"
    assert.equal("o", token.new { access_token = text }:claims().oid)
    local claims, err = token.new { access_token = "opaque" }:claims()
    assert.is_nil(claims)
    assert.equal("token_format", err.code)
  end)
end)
