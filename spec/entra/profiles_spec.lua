local profiles = require("entra.profiles")
local shell = require("spec.support.shell")

describe("entra.profiles", function()
  local dir, paths

  before_each(function()
    dir = shell.folder()
    paths = { config = dir, profiles = dir .. "/profiles.json" }
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  local function no_environment() end

  local function write(text)
    shell.write(paths.profiles, text)
  end

  it("is empty where there is no file", function()
    assert.same({ profiles = {} }, profiles.load(paths))
  end)

  it("reads the reference tool's bare array", function()
    write([[[{"name":"prod-graph","tenantId":"Contoso.onmicrosoft.com",
      "clientId":"12345678-1234-1234-1234-123456789abc",
      "scopes":["https://graph.microsoft.com/.default"],"resource":null,"authMethod":"ClientSecret",
      "redirectUri":null,"defaultFlow":"ClientCredentials","createdAt":"2025-12-26T10:00:00+00:00"}]
]])
    local stored = profiles.find(profiles.load(paths), "prod-graph")
    local settings = profiles.settings(stored, no_environment)
    assert.equal("contoso.onmicrosoft.com", settings.tenant)
    assert.equal("client-secret", settings.auth_method)
    assert.equal("client-credentials", settings.flow)
    assert.equal("https://login.microsoftonline.com", settings.authority)
    assert.same({ "https://graph.microsoft.com/.default" }, settings.scopes)
    -- Its id is made up, but the same at every reading and after the first rewriting.
    assert.is_true(profiles.update(paths, function() return true end))
    local again = profiles.settings(profiles.find(profiles.load(paths), "prod-graph"), no_environment)
    assert.equal(settings.id, again.id)
  end)

  it("takes the authority from the profile, else from the environment", function()
    local stored = { name = "a", tenantId = "t", clientId = "c" }
    local function getenv(name)
      return name == "AZURE_AUTHORITY_HOST" and "https://idp.example/" or nil
    end
    assert.equal("https://idp.example", profiles.settings(stored, getenv).authority)
    stored.authorityHost = "https://other.example"
    assert.equal("https://other.example", profiles.settings(stored, getenv).authority)
  end)

  it("names line and column of a mistake, and leaves the file alone", function()
    local text = '{\n  "version": 1,\n  "profiles": [\n    {"name": "a",}\n  ]\n}\n'
    write(text)
    local document, err = profiles.load(paths)
    assert.is_nil(document)
    assert.matches("line 4, column %d+", err.message)
    local ok
    ok, err = profiles.update(paths, function() return true end)
    assert.is_nil(ok)
    assert.matches("line 4", err.message)
    assert.equal(text, shell.read(paths.profiles))
  end)

  it("refuses what is JSON but no profile file", function()
    for _, text in ipairs { "3", '"x"', '{"profiles":3}', '{"profiles":[{}]}', '{"profiles":[3]}', "{} x", "",
      '{"version":2,"profiles":[]}', ('{"a":'):rep(100) .. "1" .. ("}"):rep(100) } do
      write(text)
      local document, err = profiles.load(paths)
      assert.is_nil(document, text)
      assert.equal("config", err.kind)
      assert.is_nil((profiles.update(paths, function() return true end)))
      assert.equal(text, shell.read(paths.profiles))
    end
  end)

  it("keeps what it does not know, empty arrays and nulls too", function()
    write('{"version":1,"theirs":{"list":[],"object":{},"none":null},"profiles":[{"name":"a","x":[1.5,[]]}]}')
    assert.is_true(profiles.update(paths, function(document)
      document.current = "a"
      return true
    end))
    local text = shell.read(paths.profiles):gsub("%s", "")
    for _, part in ipairs { '"list":[]', '"object":{}', '"none":null', '"x":[1.5,[]]', '"current":"a"' } do
      assert.is_truthy(text:find(part, 1, true), part .. " in " .. text)
    end
  end)

  it("changes nothing where the change refuses", function()
    write('{"profiles":[]}')
    local ok, err = profiles.update(paths, function() return nil, "no" end)
    assert.is_nil(ok)
    assert.equal("no", err)
    assert.equal('{"profiles":[]}', shell.read(paths.profiles))
  end)

  it("may be a link, but not writable by others", function()
    shell.write(dir .. "/elsewhere.json", '{"profiles":[{"name":"a"}]}')
    os.execute(("chmod 644 %s/elsewhere.json && ln -s elsewhere.json %s"):format(dir, paths.profiles))
    assert.is_truthy(profiles.find(profiles.load(paths), "a"))
    os.execute("chmod g+w " .. dir .. "/elsewhere.json")
    local document, err = profiles.load(paths)
    assert.is_nil(document)
    assert.equal("mode", err.code)
    assert.matches("chmod go%-w", err.hint)
  end)

  it("says which member of a profile is of no use", function()
    for member, stored in pairs {
      tenantId = { name = "a", clientId = "c" }, clientId = { name = "a", tenantId = "t" },
    } do
      local settings, err = profiles.settings(stored, no_environment)
      assert.is_nil(settings)
      assert.matches(member, err.message)
    end
    for _, extra in ipairs { { authMethod = "Certificate" }, { defaultFlow = "Nonsense" }, { tenantId = "a/b" },
      { authorityHost = "http://x" } } do
      local stored = { name = "a", tenantId = "t", clientId = "c" }
      for name, value in pairs(extra) do
        stored[name] = value
      end
      assert.is_nil((profiles.settings(stored, no_environment)))
    end
  end)

  it("knows good names from bad", function()
    for _, name in ipairs { "a", "Prod_1.eu-west", ("x"):rep(64) } do
      assert.is_true(profiles.is_name(name))
    end
    for _, name in ipairs { "", ".a", "-a", "a/b", "a b", ("x"):rep(65), "é" } do
      assert.is_false(profiles.is_name(name))
    end
  end)
end)
