local flow = require("entra.flow")

describe("entra.flow", function()
  it("has one name, however it is spelled", function()
    for _, text in ipairs { "device-code", "DeviceCode", "device_code", "DEVICECODE" } do
      assert.equal("device-code", flow.name(text))
    end
    assert.equal("client-credentials", flow.name("ClientCredentials"))
  end)

  it("tells an unknown flow from one that is not there yet", function()
    assert.matches("unknown", select(2, flow.name("nonsense")).message)
    assert.matches("not available", select(2, flow.name("InteractiveBrowser")).message)
  end)

  it("is chosen by the credential", function()
    assert.equal("client-credentials", flow.default("client-secret"))
    assert.equal("client-credentials", flow.default("certificate"))
    assert.equal("device-code", flow.default("none"))
  end)
end)
