local flow = require("entra.flow")

describe("entra.flow", function()
  it("has one name, however it is spelled", function()
    for _, text in ipairs { "device-code", "DeviceCode", "device_code", "DEVICECODE" } do
      assert.same({ "device-code" }, flow.names(text))
    end
    assert.same({ "client-credentials" }, flow.names("ClientCredentials"))
    assert.same({ "interactive" }, flow.names("InteractiveBrowser"))
    assert.same({ "interactive" }, flow.names("Interactive"))
    assert.same({ "authorization-code" }, flow.names("AuthorizationCode"))
  end)

  it("may be several for a person, in their order, and is stored as the reference tool spells them", function()
    local names = flow.names("interactive, device_code")
    assert.same({ "interactive", "device-code" }, names)
    assert.equal("InteractiveBrowser,DeviceCode", flow.stored(names))
    assert.same(names, flow.names(flow.stored(names)))
  end)

  it("is never one for a person and one for the app", function()
    local names, err = flow.names("interactive,client-credentials")
    assert.is_nil(names)
    assert.equal("usage", err.kind)
  end)

  it("tells an unknown flow from one that is not there yet", function()
    for _, text in ipairs { "nonsense", "", ",", "interactive,nonsense" } do
      assert.matches("unknown flow", select(2, flow.names(text)).message)
    end
    assert.matches("not available", select(2, flow.names("ManagedIdentity")).message)
  end)

  it("is chosen by the credential, and for a person by whether a browser can open", function()
    local function default(method, environment)
      return flow.default(method, function(name) return environment[name] end)
    end
    assert.equal("client-credentials", default("client-secret", { DISPLAY = ":0" }))
    assert.equal("client-credentials", default("certificate", {}))
    assert.equal("device-code", default("none", { DISPLAY = "" }))
    for _, name in ipairs { "DISPLAY", "WAYLAND_DISPLAY", "BROWSER" } do
      assert.equal("interactive", default("none", { [name] = "x" }))
    end
  end)
end)
