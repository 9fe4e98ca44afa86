local core = require("entra.core")
local jwt = require("entra.jwt")

local function make(header, claims)
  return core.base64url_encode(header) .. "." .. core.base64url_encode(claims) .. ".c2ln"
end

describe("entra.jwt", function()
  it("decodes, whatever surrounds the token", function()
    local text = make('{"alg":"RS256"}', '{"exp":1,"aud":[]}')
    for _, shown in ipairs { text, "Bearer " .. text, "bearer  " .. text, " " .. text .. "\r\n" } do
      local decoded = jwt.decode(shown)
      assert.equal("RS256", decoded.header.alg)
      assert.equal(1, decoded.claims.exp)
      assert.equal("c2ln", decoded.signature)
    end
  end)

  it("explains what is no JWT instead of calling it broken", function()
    for text, words in pairs {
      ["a.b.c.d.e"] = "encrypted", ["0.AXoAopaque"] = "three parts", ["opaque"] = "opaque", [""] = "empty",
      ["a.b"] = "three parts", ["!.e30.x"] = "base64url", [make("[]", "{}")] = "JSON objects",
      [make("{}", "3")] = "JSON objects", [make("{}", "{")] = "JSON objects",
      [make("{}", ('{"a":'):rep(1000) .. "1" .. ("}"):rep(1000))] = "JSON objects",
      [("x"):rep(1024 * 1024 + 1)] = "1 MiB",
    } do
      local decoded, err = jwt.decode(text)
      assert.is_nil(decoded)
      assert.equal("token_format", err.code)
      assert.matches(words, err.message)
    end
  end)
end)
