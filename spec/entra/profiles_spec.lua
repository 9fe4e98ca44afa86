local json = require("entra.json")
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

  local REFERENCE = shell.read("spec/support/fixtures/reference-profiles.json")

  local function write(text)
    shell.write(paths.profiles, text)
  end

  it("is empty where there is no file", function()
    assert.same({ profiles = {} }, profiles.load(paths))
  end)

  it("reads the reference tool's bare array", function()
    write(REFERENCE)
    local stored = profiles.find(profiles.load(paths), "prod-graph")
    local settings = profiles.settings(stored, no_environment)
    assert.equal("contoso.onmicrosoft.com", settings.tenant)
    assert.equal("client-secret", settings.auth_method)
    assert.same({ "client-credentials" }, settings.flows)
    assert.equal("https://login.microsoftonline.com", settings.authority)
    assert.same({ "https://graph.microsoft.com/.default" }, settings.scopes)
    -- Its id is made up, but the same at every reading and after the first rewriting.
    assert.is_true(profiles.update(paths, function() return true end))
    local again = profiles.settings(profiles.find(profiles.load(paths), "prod-graph"), no_environment)
    assert.equal(settings.id, again.id)
  end)

  it("turns the reference tool's array into an object, and loses nothing of it", function()
    write(REFERENCE)
    assert.is_true(profiles.update(paths, function(document)
      document.current = "cert-app"
      return true
    end))
    local before, after = json.decode(REFERENCE), profiles.load(paths)
    assert.equal("cert-app", after.current)
    assert.equal(1, after.version)
    assert.equal(#before, #after.profiles)
    for i, profile in ipairs(before) do
      assert.is_string(after.profiles[i].id)
      after.profiles[i].id = nil
      assert.same(profile, after.profiles[i])
    end
  end)

  it("knows where the reference tool's certificate is, by both names of the method", function()
    write(REFERENCE)
    local stored = profiles.find(profiles.load(paths), "cert-app")
    for _, method in ipairs { "Certificate", "PasswordlessCertificate" } do
      stored.authMethod = method
      local settings = profiles.settings(stored, no_environment)
      assert.equal("certificate", settings.auth_method)
      assert.same({ path = "/home/ada/certs/app.pfx", mode = "sealed", algorithm = "PS256", send_chain = false },
        settings.certificate)
    end
  end)

  it("writes down what it reads of a certificate, and names the member that is no good", function()
    local stored = { name = "a", tenantId = "t", clientId = "c", authMethod = "Certificate", certificatePath = "/c.pem",
      certificateKeyPath = "pkcs11:x", certificateMode = "reference", sendCertificateChain = true,
      assertionAlgorithm = "rs256" }
    local settings = profiles.settings(stored, no_environment)
    assert.same({ path = "/c.pem", key_path = "pkcs11:x", mode = "reference", algorithm = "RS256", send_chain = true },
      settings.certificate)
    assert.same(settings.certificate, profiles.settings(profiles.stored(settings, "now"), no_environment).certificate)
    for member, value in pairs { certificatePath = "", certificateMode = "magic", assertionAlgorithm = "none" } do
      local kept = stored[member]
      stored[member] = value
      local none, err = profiles.settings(stored, no_environment)
      assert.is_nil(none)
      assert.matches(member, err.message)
      stored[member] = kept
    end
  end)

  it("shows a profile that this version cannot use, and says why", function()
    write(REFERENCE:gsub('"Certificate"', '"Telepathy"'))
    local stored = profiles.find(profiles.load(paths), "cert-app")
    local settings, err = profiles.settings(stored, no_environment)
    assert.is_nil(settings)
    assert.equal("auth_method", err.code)
    assert.matches("Telepathy", err.message)
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
      '{"version":2,"profiles":[]}',
      '{"profiles":{"a":{"name":"a"}}}',
      '{"profiles":null}', '{"theirs":1}', ('{"a":'):rep(100) .. "1" .. ("}"):rep(100) } do
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

  it("says that a newer version wrote the file", function()
    write('{"version":2,"profiles":[]}')
    assert.equal("profiles_newer", select(2, profiles.load(paths)).code)
  end)

  it("writes what it can read again, and finds it", function()
    local settings = { id = "1", name = "a", tenant = "contoso.com", client_id = "c", authority = "https://a.example",
      scopes = {}, auth_method = "client-secret", flows = { "device-code" }, redirect_uri = "http://localhost/back" }
    assert.is_true(profiles.update(paths, function(document)
      document.profiles[1] = profiles.stored(settings, "2026-01-01T00:00:00Z")
      return true
    end))
    assert.same(settings, profiles.settings(profiles.find(profiles.load(paths), "a"), no_environment))
    assert.matches('"scopes": ?%[%]', shell.read(paths.profiles))
    assert.is_nil((profiles.find(profiles.load(paths), "b")))
  end)

  it("lets go of its lock when a change raises", function()
    assert.has_error(function() profiles.update(paths, function() error("boom") end) end)
    assert.is_true(profiles.update(paths, function() return true end))
  end)

  it("may belong to somebody else", function()
    -- What everybody may read and only its owner may write: a ConfigMap, a Nix store.
    if shell.capture("id -u") ~= "0" then
      pending("needs root, to give a file away")
    end
    write('{"profiles":[{"name":"a"}]}')
    os.execute(("chmod 644 %s && chown 65534:65534 %s"):format(paths.profiles, paths.profiles))
    assert.is_truthy(profiles.find(profiles.load(paths), "a"))
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
