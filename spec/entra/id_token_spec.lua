local core = require("entra.core")
local id_token = require("entra.id_token")
local minted = require("spec.support.minted")

local TID = "11111111-2222-3333-4444-555555555555"
local NOW = 1700000000

describe("entra.id_token", function()
  local claims, expected

  before_each(function()
    claims = {
      aud = "c1", nonce = "n1", exp = NOW + 3600, nbf = NOW, tid = TID, iss = "https://idp.example/" .. TID .. "/v2.0",
      preferred_username = "ada@contoso.com", name = "Ada", oid = "o1", sub = "s1",
    }
    expected = { client_id = "c1", authority = "https://idp.example", tenant = TID, nonce = "n1", now = NOW }
  end)

  local function account(reply)
    reply = reply or {}
    reply.id_token = reply.id_token or minted(claims)
    return id_token.account(reply, expected)
  end

  local function refused()
    local found, err = account()
    assert.is_nil(found)
    assert.equal("oauth", err.kind)
    assert.equal("id_token", err.code)
    return err.message
  end

  it("names the account, by client_info where there is one", function()
    assert.same({ home_account_id = "o1." .. TID, username = "ada@contoso.com", name = "Ada", object_id = "o1",
      tenant_id = TID }, account())
    local info = core.base64url_encode('{"uid":"u1","utid":"t1"}')
    assert.equal("u1.t1", account { client_info = info }.home_account_id)
    for _, bad in ipairs { "!", core.base64url_encode("x"), core.base64url_encode('{"uid":1,"utid":"t"}') } do
      assert.equal("o1." .. TID, account { client_info = bad }.home_account_id)
    end
  end)

  it("is refused for another app, nonce, time, issuer or directory", function()
    for _, case in ipairs {
      { "aud", "c2", "another app" }, { "nonce", "n2", "nonce" }, { "nonce", false, "nonce" },
      { "exp", NOW - 301, "expired" }, { "exp", "soon", "expired" }, { "nbf", NOW + 301, "not valid yet" },
      { "tid", "contoso.com", "names no directory" }, { "iss", "https://evil.example/" .. TID .. "/v2.0", "issuer" },
      { "iss", "https://idp.example/" .. TID:gsub("1", "2") .. "/v2.0", "issuer" },
    } do
      local before = claims[case[1]]
      claims[case[1]] = case[2]
      assert.matches(case[3], refused(), 1, true)
      claims[case[1]] = before
    end
    assert(account())
  end)

  it("tolerates five minutes between the clocks", function()
    claims.exp, claims.nbf = NOW - 299, NOW + 299
    assert(account())
  end)

  it("may be of another time where it answers our own request directly", function()
    expected.nonce, claims.exp, claims.nbf = nil, NOW - 7200, NOW - 10800
    assert(account())
  end)

  it("must be of the tenant that was asked for, where that is one", function()
    for _, case in ipairs {
      { "22222222-2222-3333-4444-555555555555", false }, { TID, true }, { "contoso.com", true }, { "common", true },
      { "organizations", true }, { "consumers", false },
    } do
      expected.tenant = case[1]
      assert.equal(case[2], account() ~= nil, case[1])
    end
    claims.tid = "9188040d-6c67-4c5b-b112-36a304b66dad"
    claims.iss = "https://idp.example/" .. claims.tid .. "/v2.0"
    for tenant, good in pairs { consumers = true, organizations = false, common = true } do
      expected.tenant = tenant
      assert.equal(good, account() ~= nil, tenant)
    end
  end)

  it("must be there where a nonce was sent, and need not be elsewhere", function()
    assert.equal("id_token", select(2, id_token.account({}, expected)).code)
    expected.nonce = nil
    assert.same({}, id_token.account({}, expected))
    claims.nonce = "whatever"
    assert(account())
  end)

  it("must be one", function()
    for _, text in ipairs { "x", "a.b.c", "a.b.c.d.e", minted({}) .. "!" } do
      local found, err = id_token.account({ id_token = text }, expected)
      assert.is_nil(found)
      assert.equal("id_token", err.code)
    end
  end)
end)
