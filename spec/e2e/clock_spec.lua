-- A clock that is set back or forward by a day, between two calls and back again.
local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("a clock that is set", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:daemon("app")
    ada:person("me", true)
    provider.reset()
  end)
  after_each(function() ada:remove() end)

  local function at(shift, command)
    return ada:run(("%s entra-auth-cli %s"):format(shift and ("faketime -f '%s'"):format(shift) or "", command))
  end

  for _, shift in ipairs { "-1d", "+1d" } do
    it(("by %s serves nothing from a time that is not now, and heals when it is set right"):format(shift), function()
      local before = expect.token(at(nil, "get-token -p app"))
      local meanwhile = expect.token(at(shift, "get-token -p app"))
      assert.not_equal(before, meanwhile)
      assert.equal(meanwhile, expect.token(at(shift, "get-token -p app")))
      local after = expect.token(at(nil, "get-token -p app"))
      assert.not_equal(meanwhile, after)
      assert.equal(after, expect.token(at(nil, "get-token -p app")))
      assert.equal(3, provider.requests("token"))
    end)

    it(("by %s stops no refresh, and none afterwards"):format(shift), function()
      provider.settings { rotation = "strict" }
      for _, when in ipairs { false, shift, false, shift } do
        expect.token(at(when or nil, "refresh -p me"))
        expect.token(at(when or nil, "get-token -p me"))
      end
      assert.equal(4, provider.tokens("refresh_token"))
    end)

    it(("by %s leaves no token behind that stands before the next ones"):format(shift), function()
      expect.token(at(shift, "get-token -p me -s 'User.Read Mail.Read'"))
      local token = expect.token(at(nil, "get-token -p me --force"))
      assert.equal(token, expect.token(at(nil, "get-token -p me")))
      assert.equal(2, provider.requests("token"))
    end)

    it(("by %s leaves no Retry-After and no refusal behind that binds for ever"):format(shift), function()
      provider.fault { endpoint = "token", kind = "status", status = 429, retry_after = 3600, times = 1 }
      expect.failure(at(shift, "get-token -p app --force"), 4)
      expect.token(at(nil, "get-token -p app --force"))
      provider.fault { endpoint = "token", kind = "json", status = 400, times = 1,
        body = { error = "interaction_required", error_description = "AADSTS50076: no", error_codes = { 50076 } } }
      expect.failure(at(shift, "get-token -p me --force"), 3)
      expect.token(at(nil, "get-token -p me --force"))
    end)

    it(("by %s is no reason to wait for a lock, nor to give up at once"):format(shift), function()
      provider.fault { endpoint = "token", kind = "delay", ms = 400 }
      local result = ada:run(([[
        for i in 1 2 3; do faketime -f '%s' entra-auth-cli get-token -p app >~/a$i & done
        for i in 1 2 3; do entra-auth-cli get-token -p app --timeout 20s >~/b$i & done
        wait; cat ~/a? ~/b? | grep -c '^eyJ']]):format(shift))
      assert.equal("6\n", result.out, result.err)
    end)
  end
end)
