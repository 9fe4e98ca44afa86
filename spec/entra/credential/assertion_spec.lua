local assertion = require("entra.credential.assertion")
local certificate = require("entra.certificate")
local core = require("entra.core")
local json = require("entra.json")
local pki = require("spec.support.pki")
local shell = require("spec.support.shell")

local NOW = 1700000000.75

describe("entra.credential.assertion", function()
  local open

  setup(function()
    pki.certificate("root")
    pki.issued("app", "root")
    shell.write(pki.path("all.pem"), pki.read("app.pem") .. pki.read("root.pem") .. pki.read("app.key"))
    open = certificate.open { path = pki.path("all.pem") }
  end)

  local function mint(fields)
    local about = { audience = "https://idp.example/t/oauth2/v2.0/token", client_id = "c1", algorithm = "PS256" }
    for name, value in pairs(fields or {}) do
      about[name] = value
    end
    return assert(assertion.mint(open, about, NOW))
  end

  local function parts(text)
    local header, claims = core.jwt_split(text)
    return header, claims
  end

  local function unhex(text)
    return (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
  end

  it("says what Entra asks for, and nothing else", function()
    local header, claims = parts(mint())
    assert.equal(('{"alg":"PS256","typ":"JWT","x5t#S256":"%s"}'):format(
      core.base64url_encode(unhex(pki.fingerprint("app", "sha256")))), header)
    local jti = json.decode(claims).jti
    assert.equal('{"aud":"https://idp.example/t/oauth2/v2.0/token","iss":"c1","sub":"c1","jti":"' .. jti
      .. '","nbf":1700000000,"iat":1700000000,"exp":1700000600}', (claims:gsub("\\/", "/")))
    assert.equal(16, #core.base64url_decode(jti))
  end)

  it("names the certificate by SHA-1 where it signs RS256", function()
    assert.equal(('{"alg":"RS256","typ":"JWT","x5t":"%s"}'):format(
      core.base64url_encode(unhex(pki.fingerprint("app", "sha1")))), (parts(mint { algorithm = "RS256" })))
  end)

  it("brings the chain in standard base64, its own certificate first, where that is asked for", function()
    local x5c = json.decode((parts(mint { send_chain = true }))).x5c
    for i, name in ipairs { "app", "root" } do
      local pem = pki.read(name .. ".pem"):match("%-\n(.-)\n%-"):gsub("\n", "")
      assert.equal(pem, x5c[i])
    end
    assert.equal(2, #x5c)
  end)

  it("is signed over header and claims", function()
    for algorithm, options in pairs { RS256 = "",
      PS256 = "-sigopt rsa_padding_mode:pss -sigopt rsa_mgf1_md:sha256 -sigopt rsa_pss_saltlen:32" } do
      local text, signature = mint({ algorithm = algorithm }):match("^(.*)%.(.-)$")
      shell.write(pki.path("text"), text)
      shell.write(pki.path("signature"), core.base64url_decode(signature))
      pki.openssl("x509 -in app.pem -noout -pubkey -out app.pub")
      assert.equal("Verified OK", shell.capture(("openssl dgst -sha256 -verify %s %s -signature %s %s"):format(
        pki.path("app.pub"), options, pki.path("signature"), pki.path("text"))))
    end
  end)

  it("is another one each time", function()
    local one, two = select(2, parts(mint())), select(2, parts(mint()))
    assert.not_equal(json.decode(one).jti, json.decode(two).jti)
  end)
end)
