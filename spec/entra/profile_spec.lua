local entra = require("entra")
local pki = require("spec.support.pki")
local profile = require("entra.profile")
local new_clock = require("spec.support.clock")
local new_http = require("spec.support.http")

local SPEC = { tenant_id = "contoso.com", client_id = "c", client_secret = "s", scopes = "api://x/.default" }

describe("entra.profile", function()
  it("from a table obtains tokens and keeps them in memory", function()
    local http = new_http { { access_token = "a", token_type = "Bearer", expires_in = 3600 } }
    local p = assert(profile.from_table(SPEC, { http = http, clock = new_clock() }))
    assert.equal("a", assert(p:token()).access_token)
    assert.equal("a", assert(p:token()).access_token)
    assert.equal(1, #http.requests)
    assert.equal("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token", http.requests[1].url)
    assert.is_true(p:forget())
    assert.equal("not_cached", select(2, p:token { cached_only = true }).code)
    assert.equal("no_refresh_token", select(2, p:refresh()).code)
  end)

  it("from a table keeps them in the store it is given, apart from those of another name", function()
    local store, http = require("entra.store.memory").new(), new_http()
    local function token(name)
      http.script = { { access_token = name, token_type = "Bearer", expires_in = 3600 } }
      local p = assert(profile.from_table({ tenant_id = "contoso.com", client_id = "c", client_secret = "s",
        name = name }, { http = http, clock = new_clock(), store = store }))
      return assert(p:token()).access_token
    end
    assert.equal("a", token("a"))
    assert.equal("b", token("b"))
    assert.equal("a", token("a"))
    assert.equal(2, #http.requests)
  end)

  it("shows its name and nothing else", function()
    local p = assert(entra.profile { tenant_id = "t", client_id = "c", client_secret = "telling", name = "n" })
    assert.equal("entra.profile(n)", tostring(p))
  end)

  it("raises on a programmer's mistake, returns an error for a wrong value", function()
    for _, misuse in ipairs { {}, { tenant_id = "t" }, { client_id = "c" }, { tenant_id = 3, client_id = "c" },
      { tenant_id = "t", client_id = "c", certificate = {} }, { tenant_id = "t", client_id = "c", certificate = "x" },
      { tenant_id = "t", client_id = "c", certificate = { path = "x", algorithm = "none" } } } do
      assert.has_error(function() entra.profile(misuse) end)
    end
    assert.has_error(function() entra.profile(nil) end)
    for _, wrong in ipairs { { tenant_id = "a/b", client_id = "c" },
      { tenant_id = "t", client_id = "c", authority_host = "http://x" },
      { tenant_id = "t", client_id = "c", flow = "nonsense" } } do
      local p, err = entra.profile(wrong)
      assert.is_nil(p)
      assert.is_string(err.message)
    end
  end)

  it("signs in with a certificate, from files that may change and from text", function()
    local cert, key = pki.certificate("app")
    local text = { pem = pki.read("app.pem"), key_pem = pki.read("app.key") }
    pki.pfx("app.pfx", "app", "hunter2")
    for _, given in ipairs { { path = cert, key_path = key }, text,
      { path = pki.path("app.pfx"), password = "hunter2" },
      { path = cert, key_path = "file:" .. key, algorithm = "RS256", send_chain = true } } do
      local http = new_http { { access_token = "a", token_type = "Bearer", expires_in = 3600 } }
      local p = assert(profile.from_table({ tenant_id = "contoso.com", client_id = "c", scopes = "api://x/.default",
        certificate = given }, { http = http }))
      assert.equal("a", assert(p:token()).access_token)
      assert.is_nil(http:form().client_secret)
      assert.matches("^eyJ", http:form().client_assertion)
      assert.is_nil(tostring(p):find("hunter2", 1, true))
    end
  end)

  it("by name is found in the user's file, or not", function()
    local function getenv(name)
      return name == "ENTRA_AUTH_CLI_HOME" and "/nowhere/at/all" or nil
    end
    local p, err = profile.stored("nope", { getenv = getenv })
    assert.is_nil(p)
    assert.equal("profile_not_found", err.code)
  end)
end)
