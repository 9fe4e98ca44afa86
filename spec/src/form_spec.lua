-- The encoding of a form, as it goes over the wire: application/x-www-form-urlencoded with %20 for the space.
local http = require("entra.http")
local provider = require("spec.support.provider")

describe("a form", function()
  local idp, client

  before_each(function()
    provider.reset()
    idp = provider.start()
    client = http.new { user_agent = "entra-spec/1", ca_file = idp.ca }
  end)

  -- What the provider got for these pairs, byte by byte.
  local function sent(form)
    client:post { url = idp.base .. "/" .. idp.tenant .. "/oauth2/v2.0/token", expect = "token", timeout = 10,
      form = form, retry = false }
    local requests = provider.control("GET", "/requests")
    return requests[#requests].body
  end

  it("leaves only RFC 3986's unreserved characters as they are", function()
    local bytes, encoded = {}, {}
    for i = 0, 255 do
      bytes[i + 1] = string.char(i)
      encoded[i + 1] = string.char(i):match("[%w%-._~]") or ("%%%02X"):format(i)
    end
    local all = table.concat(bytes)
    assert.equal("k=" .. table.concat(encoded), sent { { "k", all } })
    assert.equal(table.concat(encoded) .. "=v", sent { { all, "v" } })
  end)

  it("keeps pairs in order, the same name twice, and empty names and values", function()
    assert.equal("b=1&a=2&b=3&=&c=", sent { { "b", "1" }, { "a", "2" }, { "b", "3" }, { "", "" }, { "c", "" } })
  end)

  it("keeps UTF-8 as its bytes, and a secret's worst characters", function()
    assert.equal("s=S3~x%25%26%3D%2B%2F%C3%A9%20", sent { { "s", "S3~x%&=+/é " } })
  end)

  it("may be empty", function()
    assert.equal("", sent {})
  end)

  it("has a ceiling, and nothing is sent beyond it", function()
    local reply, _, code = client:post { url = idp.base .. "/", expect = "token", timeout = 10,
      form = { { "a", (" "):rep(400 * 1024) } } }
    assert.is_nil(reply)
    assert.equal("too_big", code)
    assert.equal(0, provider.requests("token"))
    -- What was refused leaves nothing behind for the next one.
    assert.equal("a=b", sent { { "a", "b" } })
  end)

  it("is an array of pairs of strings, and says so without the values", function()
    for _, wrong in ipairs { "secret=1", { "secret" }, { { "secret" } }, { { "a", 1 } }, { { 1, "secret" } } } do
      local ok, message = pcall(sent, wrong)
      assert.is_false(ok)
      assert.matches("field 'form' should be", message, 1, true)
      assert.is_nil(message:find("secret", 1, true))
    end
    assert.equal(0, provider.requests("token"))
  end)
end)
