local core = require("entra.core")
local challenge = require("entra.challenge")

local CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}'

-- Standard base64, padded, as Microsoft's APIs send it.
local function standard(text)
  local out = core.base64url_encode(text):gsub("-", "+"):gsub("_", "/")
  return out .. ("="):rep(-#out % 4)
end

local ENCODED = standard(CLAIMS)
local GOOD = ('Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
  .. 'error="insufficient_claims", claims="%s"'):format(ENCODED)

-- The smallest challenge with these claims.
local function with(claims)
  return ('Bearer error="insufficient_claims", claims="%s"'):format(claims)
end

describe("entra.challenge", function()
  describe("finds the claims in", function()
    for what, header in pairs {
      ["Microsoft's own form"] = GOOD,
      ["any case of scheme and names"] = ('bEARER ERROR="insufficient_claims", Claims="%s"'):format(ENCODED),
      ["values that need no quotes"] = ("Bearer error=insufficient_claims, claims=%s"):format(
        core.base64url_encode(CLAIMS)),
      ["space where it may be"] = ('Bearer  error = insufficient_claims\t,\tclaims\t=  "%s"  '):format(ENCODED),
      ["lists with empty elements"] = (', ,Bearer error=insufficient_claims,, ,claims="%s", ,'):format(ENCODED),
      ["the second of two challenges"] = 'Basic realm="a, b", ' .. GOOD,
      ["the first of two challenges"] = GOOD .. ', Basic realm="x"',
      ["a challenge behind a token68"] = "Negotiate YII=, " .. GOOD,
      ["a challenge behind a bare scheme"] = "Negotiate, NTLM, " .. GOOD,
      ["the second Bearer"] = 'Bearer realm="x", error="invalid_token", ' .. GOOD,
      ["quotes that hold commas and escapes"] = [[Bearer realm="a \"b\", error=\"x\" \\", ]] .. GOOD:sub(8):gsub(
        'realm="", ', ""),
      ["one header of several"] = { 'Basic realm="x"', 'Bearer realm="broken', GOOD },
      ["base64url without padding"] = with(core.base64url_encode(CLAIMS)),
      ["an escaped letter"] = with("\\" .. ENCODED),
    } do
      it(what, function()
        assert.equal(CLAIMS, challenge.parse(header))
      end)
    end

    it("both alphabets", function()
      local claims = '{"a":"\255\254\253?>"}'
      assert.is_truthy(standard(claims):find("[+/]"))
      assert.equal(claims, challenge.parse(with(standard(claims))))
      assert.equal(claims, challenge.parse(with(core.base64url_encode(claims))))
    end)

    it("as much as 8 KiB of them, and no more", function()
      local function of_size(n) return '{"a":"' .. ("x"):rep(n - 8) .. '"}' end
      assert.equal(of_size(8192), challenge.parse(with(standard(of_size(8192)))))
      assert.is_nil(challenge.parse(with(standard(of_size(8193)))))
    end)
  end)

  describe("finds nothing in", function()
    for what, header in pairs {
      ["an empty header"] = "",
      ["commas"] = " , ,",
      ["an ordinary 401"] = 'Bearer realm="", error="invalid_token"',
      ["another scheme"] = GOOD:gsub("^Bearer", "DPoP"),
      ["claims without the error"] = ('Bearer claims="%s"'):format(ENCODED),
      ["the error without claims"] = 'Bearer error="insufficient_claims"',
      ["an error with another case"] = GOOD:gsub("insufficient_claims", "Insufficient_Claims"),
      ["parts of two challenges"] = ('Bearer error="insufficient_claims", Bearer claims="%s"'):format(ENCODED),
      ["the parts of another scheme"] = ('Bearer error="insufficient_claims", DPoP claims="%s"'):format(ENCODED),
      ["a parameter that comes twice"] = GOOD .. ', CLAIMS="e30="',
      ["an unfinished quote"] = GOOD:sub(1, -2),
      ["a quote that ends in an escape"] = GOOD:sub(1, -2) .. "\\",
      ["a quote with a line break"] = GOOD:gsub('realm=""', 'realm="a\r\nb"'),
      ["a missing comma"] = GOOD:gsub('"", ', '"" '),
      ["words behind a value"] = GOOD .. " x",
      ["a parameter without a value"] = GOOD .. ", x=",
      ["a character that no name has"] = GOOD .. ", (x)=1",
      ["control characters in the scheme"] = "\27[2J" .. GOOD,
      ["claims that are no base64"] = with("*" .. ENCODED),
      ["too much padding"] = with(core.base64url_encode(CLAIMS .. "  ") .. "==="),
      ["claims that are an array"] = with(standard('[{"a":1}]')),
      ["claims that are a string"] = with(standard('"a"')),
      ["claims that are not JSON"] = with(standard("{a:1}")),
      ["claims nested 1,000 deep"] = with(standard(('{"a":'):rep(1000) .. "1" .. ("}"):rep(1000))),
      ["a header of 100 KB"] = GOOD .. ', x="' .. ("a"):rep(100000) .. '"',
    } do
      it(what, function()
        assert.is_nil(challenge.parse(header))
      end)
    end

    it("no header at all", function()
      assert.is_nil(challenge.parse(nil))
      assert.is_nil(challenge.parse({}))
    end)
  end)

  it("survives 20,000 headers that went wrong, and finds nothing but JSON objects", function()
    -- A generator of our own: the same headers on every Lua.
    local seed = 42
    local function random(n)
      seed = seed * 16807 % 2147483647
      return seed % n + 1
    end
    local pieces = { '"', "\\", ",", "=", " ", "\t", "Bearer ", "error=", "claims=", "\0", "\r\n", "\255", ENCODED, "" }
    local found = 0
    for _ = 1, 20000 do
      local header = GOOD
      for _ = 1, random(3) do
        local at = random(#header)
        header = header:sub(1, at - 1) .. pieces[random(#pieces)] .. header:sub(at + random(3) - 1)
      end
      local claims = challenge.parse(header)
      if claims then
        assert.matches("^%s*{", claims)
        found = found + 1
      end
    end
    assert.is_true(found > 100 and found < 19000, found .. " found")
  end)
end)
