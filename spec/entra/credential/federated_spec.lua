local assertion = require("entra.credential.assertion")
local credential = require("entra.credential")
local federated = require("entra.credential.federated")
local shell = require("spec.support.shell")

describe("entra.credential.federated", function()
  local dir, settings
  local TOKEN = "eyJhIjoxfQ.eyJiIjoyfQ.c2lnbmF0dXJl"

  before_each(function()
    dir = shell.folder()
    settings = { name = "myapp", auth_method = "federated", federated = { token_file = dir .. "/token" } }
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  local function holding(text)
    shell.write(dir .. "/token", text)
    return credential.form(nil, settings, {})
  end

  it("sends what the file holds, as it is, without the white space around it", function()
    for _, text in ipairs { TOKEN, TOKEN .. "\n", "\n " .. TOKEN .. "\r\n" } do
      assert.same({ { "client_assertion_type", assertion.TYPE }, { "client_assertion", TOKEN } }, holding(text))
    end
  end)

  it("reads the file each time, through the links that Kubernetes mounts", function()
    holding(TOKEN)
    os.execute(("cd %s && mv token one && ln -s one token"):format(dir))
    assert.equal(TOKEN, credential.form(nil, settings, {})[2][2])
    shell.write(dir .. "/two", TOKEN .. "Mg")
    os.execute(("cd %s && ln -sf two token"):format(dir))
    assert.equal(TOKEN .. "Mg", credential.form(nil, settings, {})[2][2])
  end)

  it("sends nothing that is no token, and shows nothing of it", function()
    for _, text in ipairs { "", "hunter2", "a.b", TOKEN .. " " .. TOKEN, ("x"):rep(70000) } do
      local form, err = holding(text)
      assert.is_nil(form)
      assert.equal("credential", err.kind)
      assert.is_string(err.hint)
      assert.is_nil((err.message .. err.hint):find("hunter2", 1, true))
    end
  end)

  it("refuses a file that others may write, and says so where there is none", function()
    holding(TOKEN)
    os.execute("chmod 666 " .. dir .. "/token")
    local form, err = credential.form(nil, settings, {})
    assert.is_nil(form)
    assert.equal("federated_mode", err.code)
    assert.matches("chmod go%-w", err.hint)
    os.remove(dir .. "/token")
    assert.equal("federated_ENOENT", select(2, credential.form(nil, settings, {})).code)
  end)

  it("says how to name a file where none is named", function()
    settings.federated = {}
    assert.is_nil(os.getenv("AZURE_FEDERATED_TOKEN_FILE"))
    assert.is_nil(federated.path(settings))
    local form, err = credential.form(nil, settings, {})
    assert.is_nil(form)
    assert.equal("federated_no_token", err.code)
    assert.matches("AZURE_FEDERATED_TOKEN_FILE", err.hint)
  end)
end)
