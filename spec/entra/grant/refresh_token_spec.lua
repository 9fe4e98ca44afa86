local errors = require("entra.errors")
local refresh_token = require("entra.grant.refresh_token")
local proof = require("spec.support.proof")

describe("entra.grant.refresh_token", function()
  local function form_of(fields)
    local sent
    refresh_token.run {
      settings = { client_id = "c1" }, scopes = { "User.Read" }, refresh_token = "rt1",
      form = proof(fields),
      post = function(request) sent = request end,
    }
    return sent.form, sent
  end

  it("sends what RFC 6749 §6 names, and never twice", function()
    local form, request = form_of { { "client_secret", "s" } }
    assert.same({ { "grant_type", "refresh_token" }, { "client_id", "c1" }, { "refresh_token", "rt1" },
      { "scope", "User.Read openid profile offline_access" }, { "client_info", "1" }, { "client_secret", "s" },
    }, form)
    assert.is_false(request.repeatable)
  end)

  it("sends no credential of a public client (AADSTS700025)", function()
    assert.equal(5, #form_of {})
  end)

  it("sends nothing where the credential does not open", function()
    local locked = errors.new("store", "locked")
    local reply, err = refresh_token.run {
      settings = {}, scopes = {}, form = function() return nil, locked end, post = error,
    }
    assert.is_nil(reply)
    assert.equal(locked, err)
  end)

  it("tells a dead refresh token from one that a single resource refused", function()
    for _, case in ipairs {
      { true, "invalid_grant", { suberror = "bad_token" } }, { true, "invalid_grant", { suberror = "token_expired" } },
      { true, "invalid_grant", { aadsts = 700082 } }, { true, "invalid_grant", { aadsts = 50173 } },
      { false, "invalid_grant", { aadsts = 50076, suberror = "basic_action" } }, { false, "invalid_grant", {} },
      { false, "invalid_grant", { aadsts = 65001, suberror = "consent_required" } },
      { false, "interaction_required", { suberror = "bad_token" } }, { false, "invalid_client", { aadsts = 700082 } },
    } do
      case[3].code = case[2]
      assert.equal(case[1], refresh_token.is_dead(errors.new("oauth", "refused", case[3])))
    end
  end)
end)
