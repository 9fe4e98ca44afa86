local client_credentials = require("entra.grant.client_credentials")
local errors = require("entra.errors")
local proof = require("spec.support.proof")

describe("entra.grant.client_credentials", function()
  local request

  before_each(function() request = nil end)

  local function run(settings, form)
    settings.client_id, settings.name = "c1", "myapp"
    return client_credentials.run {
      settings = settings, scopes = { "api://x/.default" },
      form = form or proof { { "client_secret", "s" } },
      post = function(r)
        request = r
        return { access_token = "a" }
      end,
    }
  end

  it("sends what RFC 6749 §4.4.2 names, and may repeat it", function()
    assert.equal("a", run({ tenant = "contoso.com", auth_method = "client-secret" }).access_token)
    assert.same({ { "grant_type", "client_credentials" }, { "client_id", "c1" }, { "scope", "api://x/.default" },
      { "client_secret", "s" } }, request.form)
    assert.is_true(request.repeatable)
  end)

  it("sends nothing without a tenant, a credential, or a credential that opens", function()
    local locked = errors.new("store", "locked")
    for _, case in ipairs {
      { { tenant = "common", auth_method = "client-secret" }, "tenant" },
      { { tenant = "organizations", auth_method = "client-secret" }, "tenant" },
      { { tenant = "consumers", auth_method = "client-secret" }, "tenant" },
      { { tenant = "contoso.com", auth_method = "none" }, "no_credential" },
    } do
      local reply, err = run(case[1])
      assert.is_nil(reply)
      assert.equal(case[2], err.code)
      assert.is_string(err.hint)
    end
    assert.equal(locked, select(2, run({ tenant = "contoso.com", auth_method = "client-secret" },
      function() return nil, locked end)))
    assert.is_nil(request)
  end)
end)
