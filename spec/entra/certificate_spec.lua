local certificate = require("entra.certificate")
local pki = require("spec.support.pki")
local shell = require("spec.support.shell")

describe("entra.certificate", function()
  local cert, key

  setup(function()
    cert, key = pki.certificate("app")
    pki.pfx("app.pfx", "app", "right")
  end)

  it("opens PFX, PEM, text and URIs", function()
    for _, about in ipairs { { path = cert, key_path = key }, { path = pki.path("app.pfx") },
      { pem = pki.read("app.pem") .. pki.read("app.key") }, { path = cert, key_path = "file:" .. key },
      { path = "file:" .. pki.path("app.pfx") } } do
      assert.equal(2048, assert(certificate.open(about, "right")).facts.bits)
    end
  end)

  local function refusal(about, password)
    local open, err = certificate.open(about, password)
    assert.is_nil(open)
    assert.equal("credential", err.kind)
    assert.is_string(err.hint, err.code)
    return err
  end

  it("names the file that is wrong, and what to do", function()
    pki.certificate("other")
    pki.certificate("ec", { kind = "ec" })
    pki.certificate("small", { kind = "small" })
    pki.openssl("pkcs8 -topk8 -in app.key -passout pass:right -out sealed.key")
    shell.write(pki.path("junk"), "junk")
    for _, case in ipairs {
      { "password", { path = pki.path("app.pfx") }, pki.path("app.pfx"), "hunter2" },
      { "password_needed", { path = pki.path("app.pfx") }, pki.path("app.pfx") },
      { "password", { path = cert, key_path = pki.path("sealed.key") }, pki.path("sealed.key"), "hunter2" },
      { "key_mismatch", { path = cert, key_path = pki.path("other.key") }, cert },
      { "key_type", { path = pki.path("ec.pem"), key_path = pki.path("ec.key") }, "EC" },
      { "key_bits", { path = pki.path("small.pem"), key_path = pki.path("small.key") }, "1024" },
      { "garbled", { path = pki.path("junk") }, pki.path("junk") },
      { "no_key", { path = cert }, cert },
      { "no_certificate", { path = key }, key },
      { "ENOENT", { path = pki.path("nothing") }, pki.path("nothing") },
    } do
      local err = refusal(case[2], case[4])
      assert.equal("certificate_" .. case[1], err.code)
      assert.is_truthy(err.message:find(case[3], 1, true), err.message)
      assert.is_nil((err.message .. err.hint):find("hunter2", 1, true))
    end
  end)

  it("names the openssl command for a PFX that cannot be decoded, and no PIN of a URI", function()
    assert.matches("openssl pkcs12 %-legacy", certificate.error("x", "unsupported").hint)
    local err = refusal { path = cert, key_path = "pkcs11:token=x?pin-value=hunter2" }
    assert.equal("certificate_store", err.code)
    assert.is_nil(err.message:find("hunter2", 1, true))
  end)

  it("takes a file that others may read, but not one that they may write", function()
    local path = pki.path("shared.pem")
    shell.write(path, pki.read("app.pem") .. pki.read("app.key"))
    os.execute("chmod 644 " .. path)
    assert.is_truthy(certificate.open { path = path })
    os.execute("chmod 664 " .. path)
    assert.equal("certificate_mode", refusal({ path = path }).code)
  end)

  it("judges by the clock, and warns for the last thirty days", function()
    local facts = { not_before = 1700000000, not_after = 1700000000 + 365 * 86400 }
    local function judged(days)
      return certificate.judge(facts, facts.not_after - days * 86400)
    end
    assert.same({ true }, { judged(30) })
    assert.same({ true, "the certificate expires in 29 days, on 2024-11-13T22:13:20Z" }, { judged(29.99) })
    assert.matches("in 1 day,", select(2, judged(1.5)))
    assert.matches("in 0 days,", select(2, judged(0.1)))
    local fine, err = judged(0)
    assert.same({ false, "certificate_expired" }, { fine or false, err.code })
    assert.matches("expired on 2024%-11%-13T22:13:20Z", err.message)
    fine, err = certificate.judge(facts, facts.not_before - 1)
    assert.same({ false, "certificate_not_yet_valid" }, { fine or false, err.code })
    assert.matches("not valid before 2023%-11%-14T22:13:20Z", err.message)
    assert.matches("it is 2023%-11%-14T22:13:19Z here", err.hint)
    assert.is_true(certificate.judge(facts, facts.not_before))
    assert.equal(29, certificate.days_left(facts, facts.not_after - 29.5 * 86400))
  end)

  it("knows a state of the files from the next, and that some cannot change", function()
    local path = pki.path("changing.pem")
    shell.write(path, "one")
    local about = { path = path, key_path = "pkcs11:x" }
    local first = certificate.identity(about)
    assert.equal(first, certificate.identity(about))
    assert.not_equal(first, certificate.identity { path = path })
    shell.write(path, "another")
    assert.not_equal(first, certificate.identity(about))
    os.remove(path)
    assert.is_nil(certificate.identity(about))
    assert.is_string(certificate.identity { pem = "x" })
  end)

  it("tells a URI from a path", function()
    for _, uri in ipairs { "pkcs11:token=x", "file:/x", "tpm2:0x1" } do
      assert.is_true(certificate.is_uri(uri))
    end
    for _, path in ipairs { "/x", "x.pem", "./a:b", "c", "a/b:c" } do
      assert.is_false(certificate.is_uri(path))
    end
  end)
end)
