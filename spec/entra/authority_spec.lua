local authority = require("entra.authority")

describe("entra.authority", function()
  it("has one spelling for each authority", function()
    for text, origin in pairs {
      ["https://login.microsoftonline.com/"] = "https://login.microsoftonline.com",
      ["LOGIN.windows.net"] = "https://login.microsoftonline.com",
      ["sts.windows.net"] = "https://login.microsoftonline.com",
      ["https://login.chinacloudapi.cn"] = "https://login.partner.microsoftonline.cn",
      ["https://localhost:8443"] = "https://localhost:8443", ["https://idp.example:443"] = "https://idp.example",
    } do
      assert.equal(origin, authority.origin(text), text)
    end
  end)

  it("refuses what is not an https origin", function()
    for _, text in ipairs { "http://localhost", "http://login.microsoftonline.com", "https://a/b", "https://u@a",
      "https://a:b", "https://", "https://a..b", "https://a?x", "ftp://a", "a b", "https://a:" } do
      local origin, err = authority.origin(text)
      assert.is_nil(origin, text)
      assert.equal("config", err.kind)
    end
  end)

  it("takes tenants that cannot lead a URL elsewhere", function()
    assert.equal("contoso.onmicrosoft.com", authority.tenant("Contoso.OnMicrosoft.com"))
    for _, text in ipairs { "", "a/b", "..", "a..b", "a%2fb", "a@b", "a:b", "-a", ("a"):rep(254), "a b" } do
      assert.is_nil((authority.tenant(text)), text)
    end
  end)

  it("knows which tenants name one directory", function()
    assert.is_true(authority.is_concrete("contoso.com"))
    assert.is_false(authority.is_concrete("organizations"))
  end)

  it("builds endpoints", function()
    assert.equal("https://a/t/oauth2/v2.0/token", authority.endpoint("https://a", "t", "token"))
    assert.equal("https://a/t/oauth2/v2.0/devicecode", authority.endpoint("https://a", "t", "device_code"))
  end)

  it("has one spelling for every alias of every cloud", function()
    for _, hosts in pairs(authority.CLOUDS) do
      for _, host in ipairs(hosts) do
        assert.equal("https://" .. hosts[1], authority.origin(host))
      end
    end
    assert.equal("https://login.windows.net:8443", authority.origin("login.windows.net:8443"))
    assert.equal("https://login.windows.net.evil.example", authority.origin("login.windows.net.evil.example"))
  end)

  it("takes every form of a tenant", function()
    for _, text in ipairs { "11111111-2222-3333-4444-555555555555", "contoso.com", "common", "organizations",
      "consumers" } do
      assert.equal(text, authority.tenant(text))
    end
    for _, text in ipairs { "common", "organizations", "consumers" } do
      assert.is_false(authority.is_concrete(text))
    end
  end)
end)
