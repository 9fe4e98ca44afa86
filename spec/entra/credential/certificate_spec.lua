local cache = require("entra.cache")
local certificate = require("entra.certificate")
local core = require("entra.core")
local credential = require("entra.credential")
local json = require("entra.json")
local memory = require("entra.store.memory")
local module = require("entra.credential.certificate")
local new_clock = require("spec.support.clock")
local pki = require("spec.support.pki")
local shell = require("spec.support.shell")

local DAY = 86400

describe("entra.credential.certificate", function()
  local store, clock, warnings, log, path

  setup(function()
    pki.certificate("first", { days = 100 })
    pki.certificate("second", { days = 200 })
    pki.certificate("expired", { days = 30, at = "-40d" })
    pki.certificate("future", { days = 30, at = "+40d" })
    for _, name in ipairs { "first", "second", "expired", "future" } do
      pki.pfx(name .. ".pfx", name, "hunter2")
    end
    pki.pfx("second-other-password.pfx", "second", "hunter3")
  end)

  before_each(function()
    store, clock, warnings, log = memory.new(), new_clock(core.now()), {}, {}
    path = pki.path("app.pfx")
    shell.write(path, pki.read("first.pfx"))
  end)

  -- A new process each time: what is open is kept by the settings.
  local function settings(about, fields)
    local out = { id = "1", name = "myapp", authority = "https://idp.example", tenant = "contoso.com", client_id = "c1",
      auth_method = "certificate",
      certificate = { path = path, mode = "sealed", algorithm = "PS256", send_chain = false } }
    for name, value in pairs(about or {}) do
      out.certificate[name] = value
    end
    for name, value in pairs(fields or {}) do
      out[name] = value
    end
    return out
  end

  local function env()
    return { clock = clock, warn = function(text) warnings[#warnings + 1] = text end,
      log = function(text) log[#log + 1] = text end }
  end

  local function create(about, password)
    local of = settings(about)
    local identity = certificate.identity(of.certificate)
    local open = assert(certificate.open(of.certificate, password))
    assert.is_true(module.save(store, of, open, password, identity))
  end

  -- The name of the certificate that signs.
  local function signer(of)
    local form, err = credential.form(store, of or settings(), env())
    if not form then
      return nil, err
    end
    assert.equal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form[1][2])
    assert.is_true(form.one_time)
    local header, claims = core.jwt_split(form[2][2])
    assert.equal("https://idp.example/contoso.com/oauth2/v2.0/token", json.decode(claims).aud)
    local digest = certificate.hex(core.base64url_decode(json.decode(header)["x5t#S256"]))
    for _, name in ipairs { "first", "second", "expired", "future" } do
      if pki.fingerprint(name, "sha256") == digest then
        return name
      end
    end
  end

  describe("sealed", function()
    before_each(function() create({}, "hunter2") end)

    it("needs no file any more", function()
      os.remove(path)
      assert.equal("first", signer())
      assert.same({ {}, {} }, { warnings, log })
    end)

    it("does not read a file that has not changed", function()
      local body = store:read(cache.certificate_name(settings()))
      body.password = "wrong" -- would be noticed
      store:write(cache.certificate_name(settings()), body)
      assert.equal("first", signer())
      assert.same({ {}, {} }, { warnings, log })
    end)

    it("takes up a renewed PFX, and seals it", function()
      shell.write(path, pki.read("second.pfx"))
      assert.equal("second", signer())
      os.remove(path)
      assert.equal("second", signer())
      assert.same({}, warnings)
    end)

    it("takes up a renewed PFX in a process that lives on", function()
      local of = settings()
      assert.equal("first", signer(of))
      shell.write(path, pki.read("second.pfx"))
      assert.equal("second", signer(of))
    end)

    local UNUSABLE = { ["second-other-password.pfx"] = "password", ["expired.pfx"] = "expired",
      ["future.pfx"] = "not valid before" }
    for file, word in pairs(UNUSABLE) do
      it("goes on with the old one, with a warning, where the new one is no use: " .. file, function()
        shell.write(path, pki.read(file))
        assert.equal("first", signer())
        assert.equal(1, #warnings)
        assert.matches(word, warnings[1])
        assert.matches("the one before is used until %d%d%d%d%-", warnings[1])
        assert.is_nil(warnings[1]:find("hunter", 1, true))
      end)

      it("stops when the old one has expired: " .. file, function()
        shell.write(path, pki.read(file))
        clock.pass(101 * DAY)
        local name, err = signer()
        assert.is_nil(name)
        assert.equal("credential", err.kind)
        assert.is_string(err.hint)
      end)
    end

    it("looks again at a renewed one that was not valid yet", function()
      local of = settings()
      shell.write(path, pki.read("future.pfx"))
      assert.equal("first", signer(of))
      clock.pass(45 * DAY)
      assert.equal("future", signer(of))
      assert.equal("future", signer(of))
    end)

    it("stops when it has expired and nobody renewed it", function()
      clock.pass(101 * DAY)
      assert.equal("certificate_expired", select(2, signer()).code)
    end)

    it("warns in the last thirty days", function()
      clock.pass(71 * DAY)
      assert.equal("first", signer())
      assert.matches("expires in 28 days", warnings[1])
    end)

    it("signs for no other authority, tenant or app", function()
      for field, value in pairs { authority = "https://evil.example", tenant = "other.com", client_id = "c2" } do
        local form, err = credential.form(store, settings({}, { [field] = value }), env())
        assert.is_nil(form)
        assert.equal("certificate_binding", err.code)
        assert.matches("config create %-%-name myapp %-%-force", err.hint)
      end
    end)

    it("signs all the same where the renewed one cannot be sealed", function()
      shell.write(path, pki.read("second.pfx"))
      store.lock = function() return nil, require("entra.errors").new("store", "read-only") end
      assert.equal("second", signer())
      assert.matches("not sealed: read%-only", log[1])
    end)

    it("is written to last: the password cannot be had again", function()
      local durable
      module.save({ write = function(_, _, _, about) durable = about.durable end }, settings(),
        certificate.open(settings().certificate, "hunter2"), "hunter2", "x")
      assert.is_true(durable)
    end)
  end)

  describe("a profile of another tool, for which nothing is sealed", function()
    it("is read without a password, and sealed", function()
      pki.pfx("bare.pfx", "first", "")
      shell.write(path, pki.read("bare.pfx"))
      assert.equal("first", signer())
      os.remove(path)
      assert.equal("first", signer())
    end)

    it("says how to give the password", function()
      local name, err = signer()
      assert.is_nil(name)
      assert.equal("certificate_password_needed", err.code)
      assert.matches("config create %-%-name myapp %-%-force .*%-%-certificate%-password%-stdin", err.hint)
    end)

    it("says so where there is no file", function()
      os.remove(path)
      assert.equal("certificate_ENOENT", select(2, signer()).code)
    end)
  end)

  describe("left where it is", function()
    local REFERENCE

    before_each(function()
      path = pki.path("app.pem")
      REFERENCE = { mode = "reference", key_path = pki.path("app.key") }
      for _, ending in ipairs { ".pem", ".key" } do
        shell.write(pki.path("app" .. ending), pki.read("first" .. ending))
      end
    end)

    it("leaves nothing in the store, and needs its files", function()
      create(REFERENCE)
      assert.is_nil(store:read(cache.certificate_name(settings())))
      assert.equal("first", signer(settings(REFERENCE)))
      os.remove(path)
      assert.equal("certificate_ENOENT", select(2, signer(settings(REFERENCE))).code)
    end)

    it("is read again when it changes, and only then", function()
      local of = settings(REFERENCE)
      assert.equal("first", signer(of))
      local opened = 0
      local really = certificate.open
      certificate.open = function(...) -- luacheck: ignore
        opened = opened + 1
        return really(...)
      end
      assert.equal("first", signer(of))
      local before = opened
      for _, ending in ipairs { ".pem", ".key" } do
        shell.write(pki.path("app" .. ending), pki.read("second" .. ending))
      end
      local name = signer(of)
      certificate.open = really -- luacheck: ignore
      assert.same({ 0, "second", 1 }, { before, name, opened })
    end)

    it("has its password sealed, and bound", function()
      path = pki.path("first.pfx")
      create({ mode = "reference" }, "hunter2")
      local body = store:read(cache.certificate_name(settings()))
      assert.same({ password = "hunter2", authority = "https://idp.example", tenant = "contoso.com", client_id = "c1" },
        body)
      assert.equal("first", signer(settings { mode = "reference" }))
    end)

    it("is judged each time it signs", function()
      path = pki.path("expired.pem")
      assert.equal("certificate_expired",
        select(2, signer(settings { mode = "reference", key_path = pki.path("expired.key") })).code)
    end)
  end)

  it("says what stands in the way where the record does not open", function()
    store.read = function() return nil, { kind = "store", message = "cannot open", broken = true } end
    assert.matches("config create %-%-name myapp", select(2, signer()).hint)
  end)

  it("describes itself", function()
    create({}, "hunter2")
    local facts = module.facts(store, settings(), env())
    assert.equal(pki.fingerprint("first", "sha1"), certificate.hex(facts.sha1))
    assert.equal("CN = first", facts.subject)
    clock.pass(101 * DAY)
    assert.equal("CN = first", module.facts(store, settings(), env()).subject)
    shell.write(path, pki.read("expired.pfx"))
    assert.equal("CN = expired", module.facts(store, settings(), env()).subject)
  end)
end)
