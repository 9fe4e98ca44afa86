local child = require("spec.support.child")
local core = require("entra.core")
local crypto = require("entra.crypto")
local pki = require("spec.support.pki")
local shell = require("spec.support.shell")

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02X"):format(c:byte()) end))
end

describe("entra.crypto.certificate", function()
  setup(function()
    pki.certificate("app", { subject = "/CN=the app \226\128\174é/O=Contoso", days = 400 })
    pki.certificate("other")
  end)

  local function source(name)
    return { [name:match("%.pfx$") and "pfx" or "pem"] = pki.read(name) }
  end

  local function open(names, password)
    local sources = {}
    for i, name in ipairs(names) do
      sources[i] = type(name) == "table" and name or source(name)
    end
    return crypto.certificate(sources, password)
  end

  local function fails(code, names, password)
    local certificate, message, why, number = open(names, password)
    assert.is_nil(certificate)
    assert.equal(code, why)
    assert.is_nil(message:find("hunter2", 1, true))
    return message, number
  end

  -- Does openssl, with the public key alone, accept what was signed?
  local function accepts(certificate, algorithm, options)
    pki.openssl("x509 -in app.pem -noout -pubkey -out app.pub")
    shell.write(pki.path("text"), "signed text")
    shell.write(pki.path("signature"), assert(certificate:sign(algorithm, "signed text")))
    local said = shell.capture(("openssl dgst -sha256 -verify %s %s -signature %s %s 2>&1 || true"):format(
      pki.path("app.pub"), options, pki.path("signature"), pki.path("text")))
    return said:match("^Verified OK") ~= nil
  end

  local PSS = "-sigopt rsa_padding_mode:pss -sigopt rsa_mgf1_md:sha256 -sigopt rsa_pss_saltlen:"

  it("opens PEM in one text and in two, in any order", function()
    local key, certificate = pki.read("app.key"), pki.read("app.pem")
    for _, names in ipairs { { "app.pem", "app.key" }, { "app.key", "app.pem" }, { { pem = key .. certificate } },
      { { pem = certificate .. key } } } do
      assert.equal(2048, assert(open(names)):facts().bits)
    end
  end)

  it("signs PS256 with a salt of 32 bytes, and RS256", function()
    local certificate = open { "app.pem", "app.key" }
    assert.is_true(accepts(certificate, "PS256", PSS .. "32"))
    assert.is_false(accepts(certificate, "PS256", PSS .. "20"))
    assert.is_true(accepts(certificate, "RS256", ""))
    assert.is_false(accepts(certificate, "RS256", PSS .. "32"))
    assert.has_error(function() certificate:sign("HS256", "x") end)
  end)

  it("knows what the openssl command knows", function()
    local facts = open({ "app.pem", "app.key" }):facts()
    assert.equal(pki.fingerprint("app", "sha1"), hex(facts.sha1))
    assert.equal(pki.fingerprint("app", "sha256"), hex(facts.sha256))
    assert.equal(400 * 86400, facts.not_after - facts.not_before)
    local ends = shell.capture(("date -ud \"$(openssl x509 -in %s -noout -enddate | cut -d= -f2)\" +%%s"):format(
      pki.path("app.pem")))
    assert.equal(tonumber(ends), facts.not_after)
    assert.matches("^CN = the app .*é, O = Contoso$", facts.subject)
    assert.is_nil(facts.subject:find("\226\128\174", 1, true))
  end)

  it("opens every PFX that is about: new, slow, and with the ciphers of the past", function()
    pki.pfx("new.pfx", "app", "hunter2")
    pki.pfx("slow.pfx", "app", "hunter2", "-iter 600000")
    pki.pfx("rc2.pfx", "app", "hunter2", "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1")
    pki.pfx("3des.pfx", "app", "hunter2", "-legacy -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES")
    pki.pfx("utf8.pfx", "app", "pässwörd")
    for name, password in pairs { new = "hunter2", slow = "hunter2", rc2 = "hunter2", ["3des"] = "hunter2",
      utf8 = "pässwörd" } do
      local certificate = assert(open({ name .. ".pfx" }, password))
      assert.equal(pki.fingerprint("app", "sha256"), hex(certificate:facts().sha256))
      assert.is_true(accepts(certificate, "PS256", PSS .. "32"))
    end
  end)

  it("takes a password that is empty for one that is not there, and the other way round", function()
    pki.pfx("bare.pfx", "app", "")
    assert.is_truthy(open { "bare.pfx" })
    assert.is_truthy(open({ "bare.pfx" }, ""))
    fails("password", { "bare.pfx" }, "hunter2")
  end)

  it("tells a wrong password from a missing one, and neither in its words", function()
    pki.pfx("new.pfx", "app", "right")
    fails("password", { "new.pfx" }, "hunter2")
    fails("password_needed", { "new.pfx" })
    pki.openssl("pkcs8 -topk8 -in app.key -passout pass:right -out sealed.key")
    pki.openssl("rsa -in app.key -aes256 -passout pass:right -traditional -out old.key")
    for _, key in ipairs { "sealed.key", "old.key" } do
      local _, number = fails("password", { "app.pem", key }, "hunter2")
      assert.equal(2, number)
      fails("password_needed", { "app.pem", key })
      assert.is_truthy(open({ "app.pem", key }, "right"))
    end
  end)

  it("says so where an old PFX needs what this OpenSSL does not have", function()
    pki.pfx("rc2.pfx", "app", "hunter2", "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1")
    local result = child(([[
      local file = io.open(%q, "rb")
      local _, message, code = require("entra.crypto").certificate({ { pfx = file:read("*a") } }, "hunter2")
      print(code)]]):format(pki.path("rc2.pfx")), "", "env OPENSSL_MODULES=/nonexistent")
    assert.same({ out = "unsupported\n", err = "", status = 0 }, result)
  end)

  it("says so where a PFX has no MAC", function()
    pki.pfx("nomac.pfx", "app", "hunter2", "-nomac")
    fails("unsupported", { "nomac.pfx" }, "hunter2")
  end)

  it("refuses what is damaged, cut short or something else", function()
    pki.pfx("new.pfx", "app", "hunter2")
    local whole, key = pki.read("new.pfx"), pki.read("app.key")
    for _, pfx in ipairs { "", "hello", whole:sub(1, 500), ("\48"):rep(2000) } do
      fails("garbled", { { pfx = pfx } }, "hunter2")
    end
    fails("password", { { pfx = whole:sub(1, -2) .. "!" } }, "hunter2") -- the MAC
    fails("garbled", { { pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }, "app.key" })
    fails("garbled", { "app.pem", { pem = key:sub(1, 600) .. "\n-----END PRIVATE KEY-----\n" } })
    fails("no_key", { { pem = "hello" } })
    fails("no_key", { "app.pem" })
    fails("no_certificate", { "app.key" })
  end)

  it("refuses keys that Entra refuses, and the key of another certificate", function()
    pki.certificate("ec", { kind = "ec" })
    pki.certificate("pss", { kind = "pss" })
    pki.certificate("small", { kind = "small" })
    assert.matches("EC", fails("key_type", { "ec.pem", "ec.key" }))
    fails("key_type", { "pss.pem", "pss.key" })
    assert.matches("1024", fails("key_bits", { "small.pem", "small.key" }))
    fails("key_mismatch", { "app.pem", "other.key" })
  end)

  it("finds its own certificate and those that certify it, in whatever order they come", function()
    pki.certificate("root")
    pki.issued("middle", "root")
    pki.issued("leaf", "middle")
    local all = pki.read("root.pem") .. pki.read("other.pem") .. pki.read("leaf.pem") .. pki.read("middle.pem")
    local chain = open({ { pem = all }, "leaf.key" }):chain()
    assert.equal(3, #chain)
    for i, name in ipairs { "leaf", "middle", "root" } do
      pki.openssl(("x509 -in %s.pem -outform DER -out %s.der"):format(name, name))
      assert.equal(pki.read(name .. ".der"), chain[i])
    end
    shell.write(pki.path("chain.pem"), pki.read("middle.pem") .. pki.read("root.pem"))
    pki.pfx("chain.pfx", "leaf", "hunter2", "-certfile chain.pem")
    assert.same(chain, open({ "chain.pfx" }, "hunter2"):chain())
  end)

  it("writes down all that it needs to open it again", function()
    pki.pfx("new.pfx", "app", "hunter2")
    local before = open({ "new.pfx" }, "hunter2")
    local after = open { { pem = before:pem() } }
    assert.same(before:facts(), after:facts())
    assert.is_true(accepts(after, "PS256", PSS .. "32"))
  end)

  it("opens OpenSSL store URIs", function()
    pki.pfx("new.pfx", "app", "hunter2")
    pki.openssl("pkcs8 -topk8 -in app.key -passout pass:hunter2 -out sealed.key")
    local function uri(name)
      return { uri = "file:" .. pki.path(name) }
    end
    assert.is_truthy(open({ uri("new.pfx") }, "hunter2"))
    assert.is_true(accepts(open({ "app.pem", uri("sealed.key") }, "hunter2"), "PS256", PSS .. "32"))
    fails("password", { "app.pem", uri("sealed.key") }, "hunter3")
    fails("password_needed", { "app.pem", uri("sealed.key") })
    local message = fails("store", { "app.pem", { uri = "pkcs11:token=x?pin-value=hunter2" } })
    assert.matches("pkcs11:token=x", message)
  end)

  it("is of no use once it is closed, nor with what is no source", function()
    local certificate = open { "app.pem", "app.key" }
    certificate:close()
    certificate:close()
    assert.has_error(function() certificate:facts() end)
    assert.has_error(function() certificate:sign("PS256", "x") end)
    for _, bad in ipairs { {}, { {} }, { 3 }, { { pem = 3 } }, { { uri = "file:\0x" } } } do
      assert.has_error(function() crypto.certificate(bad) end)
    end
    assert.has_error(function() crypto.certificate({ source("app.pem") }, "a\0b") end)
  end)

  it("leaves nothing behind that the next user of OpenSSL would take for its own failure", function()
    fails("garbled", { { pfx = "hello" } })
    assert.is_string(crypto.seal(("k"):rep(32), ("n"):rep(12), "", "x"))
  end)
end)

describe("entra.core.file_identity", function()
  it("is the same until the file changes, and another one after", function()
    local dir = shell.folder()
    local path = dir .. "/f"
    shell.write(path, "one")
    local first = core.file_identity(path)
    assert.is_string(first)
    assert.equal(first, core.file_identity(path))
    os.execute("cp -p " .. path .. " " .. dir .. "/g && mv " .. dir .. "/g " .. path)
    local moved = core.file_identity(path) -- the same bytes and time, another file
    assert.not_equal(first, moved)
    shell.write(path, "two")
    os.execute("touch -d @1 " .. path)
    assert.not_equal(moved, core.file_identity(path))
    os.execute("rm -rf " .. dir)
    assert.equal("ENOENT", (select(3, core.file_identity(path))))
  end)
end)
