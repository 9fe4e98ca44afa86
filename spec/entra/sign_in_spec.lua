-- Signing a person in, by device code where the flow does not matter: who is it, and what of before stays.
local client = require("entra.client")
local core = require("entra.core")
local memory = require("entra.store.memory")
local minted = require("spec.support.minted")
local new_clock = require("spec.support.clock")
local new_http = require("spec.support.http")

local TID = "11111111-2222-3333-4444-555555555555"
local DEVICE = { device_code = "dc", user_code = "UC", verification_uri = "https://v", expires_in = 900, interval = 5 }

describe("entra.sign_in", function()
  local clock, http, store, warnings, prompts

  before_each(function()
    clock, http, store, warnings, prompts = new_clock(), new_http(), memory.new(), {}, {}
  end)

  local function new(fields)
    local settings = { id = "1", name = "me", tenant = TID, client_id = "c1", authority = "https://idp.example",
      scopes = { "User.Read" }, auth_method = "none" }
    for name, value in pairs(fields or {}) do
      settings[name] = value
    end
    return client.new(settings, store, { clock = clock, http = http,
      warn = function(message) warnings[#warnings + 1] = message end })
  end

  -- The reply to somebody's sign-in.
  local function reply(who, fields)
    local out = {
      access_token = who .. "'s token", token_type = "Bearer", expires_in = 3600,
      refresh_token = who .. "'s refresh token",
      client_info = core.base64url_encode(('{"uid":"%s","utid":"t"}'):format(who)),
      id_token = minted { aud = "c1", exp = clock.now() + 3600, tid = TID,
        iss = "https://idp.example/" .. TID .. "/v2.0",
        preferred_username = who .. "@contoso.com" },
    }
    for name, value in pairs(fields or {}) do
      out[name] = value
    end
    return out
  end

  local function options(fields)
    local out = { flow = "device-code", on_prompt = function(p) prompts[#prompts + 1] = p end }
    for name, value in pairs(fields or {}) do
      out[name] = value
    end
    return out
  end

  local function refused(fields)
    return { code = "oauth", details = fields }
  end

  it("always asks, whatever is stored, and stores what came", function()
    http.script = { DEVICE, reply("ada"), DEVICE, reply("ada", { access_token = "second" }) }
    local self = new()
    assert.equal("ada's token", assert(self:sign_in(options())).access_token)
    assert.equal("second", assert(self:sign_in(options())).access_token)
    assert.equal("second", assert(self:acquire { cached_only = true, flow = "device-code" }).access_token)
    assert.equal(2, #prompts)
  end)

  it("is for people", function()
    local token, err = new():sign_in { flow = "client-credentials" }
    assert.is_nil(token)
    assert.equal("usage", err.kind)
    assert.equal("usage", select(2, new():sign_in { flow = "nonsense" }).kind)
  end)

  it("counts a token's life from the request that brought it, not from when the person was asked", function()
    http.script = { DEVICE, refused { error = "authorization_pending" }, refused { error = "authorization_pending" },
      reply("ada") }
    assert.equal(clock.now() + 15 + 3600, assert(new():sign_in(options())).expires_on)
  end)

  it("says when somebody else signs in, and never serves them what was cached before", function()
    http.script = { DEVICE, reply("ada"), reply("ada", { access_token = "for the vault" }), DEVICE, reply("bob") }
    local self = new()
    assert(self:sign_in(options()))
    local vault = { scope = "https://vault.azure.net/user_impersonation", flow = "device-code" }
    assert.equal("for the vault", assert(self:acquire(vault)).access_token)
    assert.equal("bob's token", assert(self:sign_in(options())).access_token)
    assert.same({ "profile 'me' is now signed in as bob@contoso.com, no longer as ada@contoso.com" }, warnings)
    http.script = { reply("bob", { access_token = "bob's, for the vault" }) }
    assert.equal("bob's, for the vault", assert(self:acquire(vault)).access_token)
    assert.equal("bob's refresh token", http:form().refresh_token)
  end)

  it("keeps what was cached for the same person, without a word", function()
    http.script = { DEVICE, reply("ada"), reply("ada", { access_token = "for the vault" }), DEVICE, reply("ada") }
    local self = new()
    assert(self:sign_in(options()))
    local vault = { scope = "https://vault.azure.net/user_impersonation", flow = "device-code" }
    assert(self:acquire(vault))
    assert(self:sign_in(options()))
    assert.equal("for the vault", assert(self:acquire(vault)).access_token)
    assert.same({}, warnings)
  end)

  it("stores nothing of an answer that belongs to another request", function()
    http.script = { DEVICE, reply("ada"), DEVICE, reply("eve", { id_token = minted { aud = "another" } }) }
    local self = new()
    assert(self:sign_in(options()))
    local token, err = self:sign_in(options())
    assert.is_nil(token)
    assert.equal("id_token", err.code)
    assert.equal("ada's token", assert(self:acquire { cached_only = true, flow = "device-code" }).access_token)
  end)

  it("warns where no refresh token came", function()
    http.script = { DEVICE, reply("ada", { refresh_token = false }) }
    assert(new():sign_in(options()))
    assert.matches("no refresh token.*offline_access", warnings[1])
  end)

  it("is another sign-in in another directory, and neither touches the other", function()
    local away = { home_tenant = TID, tenant = "fabrikam.com" }
    http.script = { DEVICE, reply("ada"), DEVICE, reply("bob"), reply("ada", { access_token = "ada's next" }) }
    assert(new():sign_in(options()))
    assert(new(away):sign_in(options()))
    assert.same({}, warnings)
    assert.equal("bob's token", assert(new(away):acquire { cached_only = true, flow = "device-code" }).access_token)
    assert.equal("ada's token", assert(new():acquire { cached_only = true, flow = "device-code" }).access_token)
    assert(new():refresh())
    assert.equal("ada's refresh token", http:form().refresh_token)
  end)

  describe("of another person, where the store fails", function()
    local function bob_signs_in()
      http.script = { DEVICE, reply("ada"), DEVICE, reply("bob") }
      assert(new():sign_in(options()))
      local errors = require("entra.errors")
      return function(verb)
        local before = store[verb]
        store[verb] = function() return nil, errors.new("store", "the disk is broken", { code = "EIO" }) end
        local token = assert(new():sign_in(options()))
        store[verb] = before
        return token.access_token
      end
    end

    for _, verb in ipairs { "names", "remove", "write" } do
      it(("to %s: bob has his token, ada stays who is signed in, and that is said"):format(verb), function()
        assert.equal("bob's token", bob_signs_in()(verb))
        assert.same({ "the sign-in is not stored: the disk is broken" }, warnings)
        http.script = { reply("ada", { access_token = "ada's next" }) }
        assert(new():refresh())
        assert.equal("ada's refresh token", http:form().refresh_token)
      end)
    end
  end)

  describe("by several flows", function()
    local listening

    before_each(function()
      listening = nil
      package.loaded["entra.loopback"] = { listen = function()
        return { port = function() return 1234 end, close = function() end,
          wait = function(...) return listening(...) end }
      end }
    end)
    after_each(function() package.loaded["entra.loopback"] = nil end)

    local function both(fields)
      local out = options(fields)
      out.flow = nil
      return out
    end

    it("goes on to the next one where Conditional Access refuses the first", function()
      listening = function() return { error = "access_denied", error_description = "AADSTS53003: no" } end
      http.script = { DEVICE, reply("ada") }
      assert.equal("ada's token", assert(new { flows = { "interactive", "device-code" } }:sign_in(both {
        open_browser = function() return true end })).access_token)
      assert.same({ "interactive", "device-code" }, { prompts[1].flow, prompts[2].flow })
      assert.matches("interactive does not work here: .*53003.*; trying device%-code", warnings[1])
    end)

    it("goes on where no browser can be opened", function()
      http.script = { DEVICE, reply("ada") }
      assert(new { flows = { "interactive", "device-code" } }:sign_in(both {
        open_browser = function() return nil, require("entra.errors").new("interaction", "no display") end }))
      assert.equal("device-code", prompts[1].flow)
    end)

    it("stops where the person, or the last flow, was refused", function()
      listening = function() return { error = "access_denied", error_description = "AADSTS65004: declined" } end
      local self = new { flows = { "interactive", "device-code" } }
      assert.equal(65004, select(2, self:sign_in(both { open_browser = function() return true end })).aadsts)
      listening = function() return { error = "access_denied", error_description = "AADSTS53003: no" } end
      self = new { flows = { "interactive" } }
      assert.equal(53003, select(2, self:sign_in(both { open_browser = function() return true end })).aadsts)
      assert.equal(0, #http.requests)
    end)

    it("begins with the account that is known, unless told otherwise", function()
      http.script = { DEVICE, reply("ada") }
      local self = new()
      assert(self:sign_in(options()))
      local pages = {}
      listening = function() return { error = "access_denied" } end
      local function open_browser(url)
        pages[#pages + 1] = url
        return true
      end
      self:sign_in(options { flow = "interactive", open_browser = open_browser })
      self:sign_in(options { flow = "interactive", open_browser = open_browser, login_hint = "bob@contoso.com" })
      assert.matches("login_hint=ada%%40contoso.com", pages[1])
      assert.matches("login_hint=bob%%40contoso.com", pages[2])
    end)
  end)

  it("proves nothing for a public flow of an app that has a secret, and never does afterwards", function()
    package.loaded["entra.loopback"] = { listen = function()
      return { port = function() return 1234 end, close = function() end, wait = function() return { code = "c" } end }
    end }
    local page
    http.script = { function()
      local nonce = page:match("nonce=([^&]+)")
      return reply("ada", { id_token = minted { aud = "c1", exp = clock.now() + 9, tid = TID, nonce = nonce,
        iss = "https://idp.example/" .. TID .. "/v2.0" } })
    end, reply("ada") }
    local self = new { auth_method = "client-secret", client_secret = "s" }
    assert(self:sign_in(options { flow = "interactive", open_browser = function(url) page = url return true end }))
    assert.is_nil(http:form().client_secret)
    assert(self:refresh())
    assert.equal("refresh_token", http:form().grant_type)
    assert.is_nil(http:form().client_secret)
    package.loaded["entra.loopback"] = nil
  end)

  it("proves the app in the others", function()
    http.script = { DEVICE, reply("ada"), reply("ada") }
    local self = new { auth_method = "client-secret", client_secret = "s" }
    assert(self:sign_in(options()))
    assert.equal("s", http:form().client_secret)
    assert(self:refresh())
    assert.equal("s", http:form().client_secret)
  end)

  it("passes a claims challenge on, and the one of a refusal", function()
    http.script = { DEVICE, reply("ada"), refused { error = "interaction_required", claims = '{"b":2}' }, DEVICE,
      reply("ada") }
    local self = new()
    assert(self:sign_in(options { claims = '{"a":1}' }))
    assert.equal('{"a":1}', http:form().claims)
    assert(self:acquire(options { flow = false, force = true, may_ask = function() return true end }))
    assert.equal('{"b":2}', http:form().claims)
  end)

  it("takes only an object for a claims challenge", function()
    for _, claims in ipairs { "", "x", "[]x", '"a"', ("{%s}"):format((" "):rep(9000)) } do
      local token, err = new():sign_in(options { claims = claims })
      assert.is_nil(token)
      assert.equal("claims", err.code)
    end
  end)
end)
