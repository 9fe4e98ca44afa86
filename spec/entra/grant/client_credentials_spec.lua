local client_credentials = require("entra.grant.client_credentials")
local errors = require("entra.errors")
local proof = require("spec.support.proof")

local new_clock = require("spec.support.clock")

describe("entra.grant.client_credentials", function()
  local request

  before_each(function() request = nil end)

  local clock = new_clock()

  local function run(settings, credential, post)
    settings.client_id, settings.name = "c1", "myapp"
    return client_credentials.run {
      settings = settings, scopes = { "api://x/.default" },
      form = proof(credential or { { "client_secret", "s" } }),
      clock = clock, deadline = clock.monotonic() + 60,
      post = post or function(r)
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

  describe("with a proof that is good for one request", function()
    local CERTIFICATE = { tenant = "contoso.com", auth_method = "certificate" }
    local sent

    local function once(answers, deadline)
      sent = {}
      local made = 0
      clock.waits = {}
      local way = { settings = { tenant = "contoso.com", auth_method = "certificate", client_id = "c1", name = "m" },
        scopes = { "api://x/.default" }, clock = clock, deadline = clock.monotonic() + (deadline or 60),
        form = proof(function()
          made = made + 1
          return { { "client_assertion_type", "t" }, { "client_assertion", "a" .. made }, one_time = true }
        end),
        post = function(r)
          sent[#sent + 1] = r
          local answer = table.remove(answers, 1)
          return answer.access_token and answer or nil, answer
        end }
      return client_credentials.run(way)
    end

    it("keeps the transport from repeating it, and sends both its fields", function()
      assert.equal("a", run(CERTIFICATE, function()
        return { { "client_assertion_type", "t" }, { "client_assertion", "a" }, one_time = true }
      end).access_token)
      assert.is_false(request.repeatable)
      assert.same({ { "client_assertion_type", "t" }, { "client_assertion", "a" } },
        { request.form[4], request.form[5] })
    end)

    it("asks once more with another proof where the answer got lost", function()
      for _, code in ipairs { "transfer", "server" } do
        local reply = once { errors.new("network", "lost", { code = code }), { access_token = "b" } }
        assert.equal("b", reply.access_token)
        assert.same({ "a1", "a2" }, { sent[1].form[5][2], sent[2].form[5][2] })
        assert.same({ 1 }, clock.waits)
      end
    end)

    it("tries a proof that is another one by now where the first was out of time, and only then", function()
      local function late()
        return errors.new("oauth", "late", { code = "invalid_client", aadsts = 700024 })
      end
      assert.equal("b", once({ late(), { access_token = "b" } }).access_token)
      assert.same({ "a1", "a2" }, { sent[1].form[5][2], sent[2].form[5][2] })
      assert.equal(700024, select(2, once { late(), late() }).aadsts)
      assert.equal(2, #sent)
      local asked = 0
      assert.equal(700024, select(2, run(CERTIFICATE, function()
        return { { "client_assertion_type", "t" }, { "client_assertion", "the same" } }
      end, function()
        asked = asked + 1
        return nil, late()
      end)).aadsts)
      assert.equal(1, asked)
    end)

    it("asks no third time, not after a refusal, not before Retry-After, not past the deadline", function()
      local lost = errors.new("network", "lost", { code = "server" })
      assert.equal(lost, select(2, once { lost, lost }))
      assert.equal(2, #sent)
      for _, case in ipairs { { errors.new("oauth", "no", { code = "invalid_client" }) },
        { errors.new("network", "later", { code = "server", retry_after = 5 }) }, { lost, 0.5 } } do
        assert.equal(case[1], select(2, once({ case[1] }, case[2])))
        assert.equal(1, #sent)
      end
    end)
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
