local scopes = require("entra.scopes")

describe("entra.scopes", function()
  it("splits at spaces and commas, without repetition", function()
    assert.same({ "User.Read", "Mail.Read" }, scopes.split(" User.Read,Mail.Read\tUser.Read "))
    assert.same({ "a", "b" }, scopes.split { "a b", "a" })
    assert.same({}, scopes.split(nil))
  end)

  it("finds the one resource", function()
    for list, resource in pairs {
      ["User.Read"] = "https://graph.microsoft.com", ["openid"] = "https://graph.microsoft.com",
      ["https://graph.microsoft.com/User.Read Mail.Read"] = "https://graph.microsoft.com",
      ["https://Vault.azure.net/.default"] = "https://vault.azure.net",
      ["https://management.azure.com//.default"] = "https://management.azure.com/",
      ["api://0000/access openid"] = "api://0000",
    } do
      assert.equal(resource, scopes.resource(scopes.split(list)), list)
    end
  end)

  it("refuses two resources in one request", function()
    local resource, err = scopes.resource { "User.Read", "https://vault.azure.net/user" }
    assert.is_nil(resource)
    assert.equal("usage", err.kind)
    assert.equal("invalid_scope", err.code)
  end)

  it("covers what was granted, whatever the spelling, and nothing more", function()
    local granted = scopes.split("User.Read https://graph.microsoft.com/Mail.Read openid profile")
    for wanted, covered in pairs {
      ["user.read"] = true, ["https://graph.microsoft.com/User.Read"] = true, ["Mail.Read User.Read"] = true,
      ["User.Read offline_access"] = true, ["Mail.Send"] = false, ["User.Read Mail.Send"] = false, [""] = false,
      ["openid"] = false, ["https://vault.azure.net/User.Read"] = false, [".default"] = false,
    } do
      assert.equal(covered, scopes.covers(granted, scopes.split(wanted)), wanted)
    end
  end)

  it("wants exactly one .default of an app", function()
    assert.same({ "https://vault.azure.net/.default" },
      scopes.for_app { "https://vault.azure.net/.default", "offline_access" })
    for _, list in ipairs { { "User.Read" }, { "a/.default", "a/b" }, {}, { "openid" } } do
      local out, err = scopes.for_app(list)
      assert.is_nil(out)
      assert.equal("usage", err.kind)
    end
    assert.matches("https://graph.microsoft.com/%.default", select(2, scopes.for_app { "User.Read" }).hint)
  end)

  it("asks for a person with what refreshing takes", function()
    assert.same({ "User.Read", "offline_access", "openid", "profile" },
      scopes.for_user { "User.Read", "offline_access" })
  end)

  it("records a .default that was asked for, and believes a silent reply", function()
    assert.same({ "User.Read", "x/.default" }, scopes.granted("User.Read", { "x/.default" }))
    assert.same({ "a" }, scopes.granted(nil, { "a" }))
  end)

  it("knows reserved scopes in any case, and that they are for no resource", function()
    assert.equal("https://vault.azure.net", (scopes.resource { "OpenID", "https://vault.azure.net/user", "Profile" }))
    assert.same({ "OpenID", "profile", "offline_access" }, scopes.for_user { "OpenID" })
    assert.is_true(scopes.covers({ "User.Read" }, { "User.Read", "EMAIL" }))
  end)

  it("keeps the audience with a slash apart from the one without", function()
    assert.is_false(scopes.covers({ "https://management.azure.com//.default" },
      { "https://management.azure.com/.default" }))
    assert.same({ "https://management.azure.com//.default" },
      scopes.for_app { "https://management.azure.com//.default" })
  end)

  it("suggests the .default of the resource that was asked for", function()
    assert.equal("use the scope 'api://x/.default'", select(2, scopes.for_app { "api://x/read", "api://x/write" }).hint)
    assert.is_nil(select(2, scopes.for_app { "api://x/.default", "api://y/.default" }).hint)
  end)
end)
