local cache = require("entra.cache")
local credential = require("entra.credential")
local memory = require("entra.store.memory")
local secret = require("entra.credential.secret")

describe("entra.credential", function()
  local SETTINGS = {
    id = "1", name = "myapp", authority = "https://idp.example", tenant = "contoso.com", client_id = "c1",
    auth_method = "client-secret",
  }

  local function with(fields)
    local out = {}
    for _, source in ipairs { SETTINGS, fields } do
      for name, value in pairs(source) do
        out[name] = value
      end
    end
    return out
  end

  it("gives a public client nothing to send", function()
    assert.same({}, credential.form(memory.new(), with { auth_method = "none" }))
  end)

  it("sends the stored secret, byte for byte", function()
    local store = memory.new()
    assert.is_true(secret.save(store, SETTINGS, "S3~x%&=+/é "))
    assert.same({ { "client_secret", "S3~x%&=+/é " } }, credential.form(store, SETTINGS))
  end)

  it("prefers a secret that the program gave", function()
    local store = memory.new()
    secret.save(store, SETTINGS, "stored")
    assert.same({ { "client_secret", "given" } }, credential.form(store, with { client_secret = "given" }))
  end)

  it("asks for a power-proof write: a secret cannot be had again", function()
    local durable
    secret.save({ write = function(_, _, _, about) durable = about.durable end }, SETTINGS, "s")
    assert.is_true(durable)
  end)

  it("keeps a secret from any other authority, tenant and app, and out of its error", function()
    local store = memory.new()
    secret.save(store, SETTINGS, "a-telling-secret")
    for field, value in pairs { authority = "https://evil.example", tenant = "other.com", client_id = "c2" } do
      local form, err = credential.form(store, with { [field] = value })
      assert.is_nil(form)
      assert.same({ "credential", "secret_binding" }, { err.kind, err.code })
      assert.is_nil((err.message .. err.hint):find("telling", 1, true))
    end
  end)

  it("says how to give the secret where there is none, and where it does not open", function()
    local form, err = credential.form(memory.new(), SETTINGS)
    assert.is_nil(form)
    assert.equal("no_secret", err.code)
    assert.matches("config create %-%-name myapp %-%-force", err.hint)
    local broken = { read = function(_, name)
      assert.equal(cache.secret_name(SETTINGS), name)
      return nil, { kind = "store", message = "cannot open", broken = true }
    end }
    assert.matches("config create %-%-name myapp %-%-force", select(2, credential.form(broken, SETTINGS)).hint)
  end)
end)
