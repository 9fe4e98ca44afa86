local paths = require("entra.paths")

describe("entra.paths", function()
  local function find(environment)
    return paths.find(function(name) return environment[name] end)
  end

  it("follow the XDG specification", function()
    local found = find { HOME = "/home/ada" }
    assert.equal("/home/ada/.config/entra-auth-cli/profiles.json", found.profiles)
    assert.equal("/home/ada/.local/state/entra-auth-cli", found.state)
    found = find { HOME = "/home/ada", XDG_CONFIG_HOME = "/c", XDG_STATE_HOME = "relative" }
    assert.equal("/c/entra-auth-cli", found.config)
    assert.equal("/home/ada/.local/state/entra-auth-cli", found.state)
  end)

  it("are one folder with ENTRA_AUTH_CLI_HOME", function()
    assert.same({ config = "/x", state = "/x", profiles = "/x/profiles.json" }, find { ENTRA_AUTH_CLI_HOME = "/x" })
  end)

  it("are spelled in one way", function()
    assert.same(find { HOME = "/home/ada" }, find { HOME = "/home/ada//" })
    assert.same(find { ENTRA_AUTH_CLI_HOME = "/x" }, find { ENTRA_AUTH_CLI_HOME = "/x/" })
    assert.equal("/.config/entra-auth-cli/profiles.json", find { HOME = "/" }.profiles)
    assert.same({ config = "/", state = "/", profiles = "/profiles.json" }, find { ENTRA_AUTH_CLI_HOME = "//" })
  end)

  it("need a home, and say how to name one", function()
    for _, environment in ipairs { {}, { HOME = "" }, { HOME = "relative" }, { ENTRA_AUTH_CLI_HOME = "relative" } } do
      local found, err = find(environment)
      assert.is_nil(found)
      assert.equal("no_home", err.code)
    end
    for _, environment in ipairs { {}, { ENTRA_AUTH_CLI_HOME = "relative" } } do
      assert.matches("ENTRA_AUTH_CLI_HOME", select(2, find(environment)).hint)
    end
  end)
end)
