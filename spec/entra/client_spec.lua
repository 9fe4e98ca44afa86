-- The way of a token, with a scripted authority and a clock that the spec moves.
local client = require("entra.client")
local memory = require("entra.store.memory")
local sealed = require("entra.store.sealed")
local new_clock = require("spec.support.clock")
local new_http = require("spec.support.http")
local shell = require("spec.support.shell")

local SETTINGS = {
  id = "1", name = "myapp", tenant = "contoso.com", client_id = "c1", authority = "https://idp.example",
  scopes = { "User.Read" }, auth_method = "none",
}

local function with(base, fields)
  local out = {}
  for _, source in ipairs { base, fields or {} } do
    for name, value in pairs(source) do
      out[name] = value
    end
  end
  return out
end

local function reply(fields)
  return with({ access_token = "at1", token_type = "Bearer", expires_in = 3600, scope = "User.Read openid" }, fields)
end

local function refused(error, fields)
  return { code = "oauth", details = with({ error = error, status = 400 }, fields) }
end

-- All of this holds on every store.
local function promises(new_store)
  local clock, http, store, warnings

  before_each(function()
    clock, http, store, warnings = new_clock(), new_http(), new_store(), {}
  end)

  local function new(fields)
    return client.new(with(SETTINGS, fields), store, { clock = clock, http = http,
      warn = function(message) warnings[#warnings + 1] = message end })
  end

  local function app(fields)
    return new(with({ auth_method = "client-secret", client_secret = "s", scopes = { "api://x/.default" } }, fields))
  end

  local DEVICE = {
    device_code = "dc", user_code = "UC", verification_uri = "https://v", expires_in = 900, interval = 5,
  }

  -- A client whose person has signed in; the refresh token is rt1.
  local function signed_in(fields)
    http.script = { DEVICE, reply { refresh_token = "rt1" } }
    local self = new(fields)
    assert(self:acquire { on_prompt = function() end })
    http.requests = {}
    return self
  end

  describe("for an app", function()
    it("asks once and then answers from the cache", function()
      local self = app()
      http.script = { reply() }
      local token = assert(self:acquire())
      assert.equal("at1", token.access_token)
      assert.is_false(token.from_cache)
      assert.equal("client_credentials", http:form().grant_type)
      assert.equal("s", http:form().client_secret)
      assert.equal("api://x/.default", http:form().scope)
      assert.equal("at1", assert(self:acquire()).access_token)
      assert.is_true(assert(self:acquire()).from_cache)
      assert.equal(1, #http.requests)
    end)

    it("asks again when the token is stale, and with force", function()
      local self = app()
      http.script = { reply(), reply { access_token = "at2" }, reply { access_token = "at3" } }
      assert(self:acquire())
      clock.pass(3400)
      assert.equal("at2", assert(self:acquire()).access_token)
      assert.equal("at3", assert(self:acquire { force = true }).access_token)
    end)

    it("never touches the network where only the cache may answer", function()
      local token, err = app():acquire { cached_only = true }
      assert.is_nil(token)
      assert.equal("not_cached", err.code)
    end)

    it("takes a life of ten minutes where the server names none", function()
      http.script = { { access_token = "a", token_type = "Bearer" } }
      assert.equal(600, assert(app():acquire()):expires_in(clock.now()))
    end)

    it("needs a concrete tenant, a secret and a .default", function()
      assert.equal("config", select(2, app { tenant = "common" }:acquire()).kind)
      assert.equal("credential", select(2, app { client_secret = false, auth_method = "none",
        flows = { "client-credentials" } }:acquire()).kind)
      assert.equal("usage", select(2, app { scopes = { "User.Read" } }:acquire()).kind)
      assert.equal(0, #http.requests)
    end)

    it("sends a stored secret only where it was given for", function()
      local secret = require("entra.credential.secret")
      local settings = with(SETTINGS, { auth_method = "client-secret", scopes = { "api://x/.default" } })
      assert(secret.save(store, settings, "stored"))
      http.script = { reply() }
      assert(client.new(settings, store, { clock = clock, http = http }):acquire())
      assert.equal("stored", http:form().client_secret)
      for field, value in pairs { authority = "https://evil.example", tenant = "other.com", client_id = "c2" } do
        local other = client.new(with(settings, { [field] = value }), store, { clock = clock, http = http })
        local token, err = other:acquire()
        assert.is_nil(token)
        assert.equal("secret_binding", err.code)
      end
      assert.equal(1, #http.requests)
    end)

    it("renews ahead of time from refresh_in, and keeps the old token if that fails", function()
      local self = app()
      http.script = { reply { refresh_in = 1000 }, { code = "server" }, reply { access_token = "at2" } }
      assert(self:acquire())
      clock.pass(1100)
      assert.equal("at1", assert(self:acquire()).access_token)
      -- Not again at once: there is time.
      assert.equal("at1", assert(self:acquire()).access_token)
      clock.pass(61)
      assert.equal("at2", assert(self:acquire()).access_token)
      assert.equal(3, #http.requests)
    end)

    it("does not store the token where told not to", function()
      local self = app()
      http.script = { reply(), reply { access_token = "at2" } }
      assert(self:acquire { no_cache = true })
      assert.equal("at2", assert(self:acquire()).access_token)
    end)

    it("honours Retry-After without asking again", function()
      local self = app()
      http.script = { { code = "throttled", details = { retry_after = 30, status = 429 } }, reply() }
      assert.equal(30, select(2, self:acquire()).retry_after)
      clock.pass(10)
      assert.equal(20, select(2, self:acquire()).retry_after)
      assert.equal(1, #http.requests)
      clock.pass(21)
      assert(self:acquire())
    end)
  end)

  describe("for a person", function()
    it("shows a device code, polls, and stores what came", function()
      local shown
      http.script = { DEVICE, refused("authorization_pending"), refused("slow_down"), reply { refresh_token = "rt1" } }
      local token = assert(new():acquire { on_prompt = function(p) shown = p end, refresh_token = true })
      assert.equal("UC", shown.user_code)
      assert.equal("rt1", token.refresh_token)
      assert.equal("at1", token.access_token)
      -- 5 s, 5 s, then slowed down to 10 s.
      assert.equal(1700000020, clock.now())
      assert.equal("User.Read openid profile offline_access", (function()
        for _, pair in ipairs(http.requests[1].form) do
          if pair[1] == "scope" then
            return pair[2]
          end
        end
      end)())
    end)

    it("needs somebody to show the code to", function()
      local token, err = new():acquire()
      assert.is_nil(token)
      assert.equal("interaction", err.kind)
    end)

    it("refreshes without a word, and stores the new refresh token", function()
      local self = signed_in()
      clock.pass(3600)
      http.script = { reply { access_token = "at2", refresh_token = "rt2" }, reply { access_token = "at3" } }
      assert.equal("at2", assert(self:acquire()).access_token)
      assert.equal("rt1", http:form().refresh_token)
      assert.equal("at3", assert(self:refresh { refresh_token = true }).access_token)
      assert.equal("rt2", http:form().refresh_token)
      -- A reply without one keeps the old.
      assert.equal("rt2", assert(self:acquire { refresh_token = true }).refresh_token)
    end)

    it("stores a rotated refresh token even where the access token is not cached", function()
      local self = signed_in()
      clock.pass(3600)
      http.script = { reply { refresh_token = "rt2" }, reply { refresh_token = "rt3" } }
      assert(self:acquire { no_cache = true })
      assert(self:acquire())
      assert.equal("rt2", http:form().refresh_token)
    end)

    it("has no refresh token before a sign-in", function()
      local token, err = new():refresh()
      assert.is_nil(token)
      assert.equal("no refresh token available for profile 'myapp'", err.message)
      assert.equal("no_refresh_token", err.code)
    end)

    it("marks a dead refresh token until the next sign-in", function()
      for _, dead in ipairs { { suberror = "bad_token" }, { suberror = "token_expired" }, { aadsts = 50173 },
        { aadsts = 700082 } } do
        new(nil):forget()
        local self = signed_in()
        http.script = { refused("invalid_grant", dead) }
        assert.equal("refresh_token_refused", select(2, self:refresh()).code)
        assert.equal("refresh token expired or invalid", select(2, self:refresh()).message)
        clock.pass(4000)
        local token, err = self:acquire { on_prompt = error }
        assert.is_nil(token)
        assert.equal("interaction", err.kind)
        assert.matches("get%-token %-%-profile myapp", err.hint)
        assert.equal(1, #http.requests)
        http.script = { DEVICE, reply { access_token = "new", refresh_token = "rt9" } }
        assert.equal("new", assert(self:acquire { on_prompt = function() end, flow = "device-code",
          force = true }).access_token)
        http.script = { reply() }
        assert(self:refresh())
        assert.equal("rt9", http:form().refresh_token)
      end
    end)

    it("keeps a refresh token that one resource's policy refused, and remembers that for two minutes", function()
      local self = signed_in()
      clock.pass(3600)
      http.script = { refused("invalid_grant", { suberror = "basic_action", aadsts = 50076 }),
        refused("invalid_grant", { aadsts = 50076 }), reply(), reply() }
      assert.equal("interaction", select(2, self:acquire()).kind)
      assert.equal("interaction", select(2, self:acquire()).kind)
      assert.equal(1, #http.requests)
      assert.equal("refresh_token_refused", select(2, self:refresh()).code)
      assert.equal(2, #http.requests)
      assert(self:acquire { scope = "https://vault.azure.net/user" })
      assert.equal("rt1", http:form().refresh_token)
      clock.pass(121)
      assert(self:acquire())
    end)

    it("signs in anew where a person is there", function()
      local self = signed_in()
      clock.pass(3600)
      http.script = { refused("interaction_required"), DEVICE, reply { access_token = "again" } }
      local token = assert(self:acquire { on_prompt = function() end, may_ask = function() return true end })
      assert.equal("again", token.access_token)
    end)

    it("hands out a token that still holds where the network is away", function()
      local self = signed_in()
      clock.pass(3400)
      http.script = { { code = "connect" }, { code = "connect" } }
      assert.equal("at1", assert(self:acquire()).access_token)
      clock.pass(300)
      assert.equal("network", select(2, self:acquire()).kind)
    end)

    it("uses a refresh token only for the authority, tenant and app it came from", function()
      signed_in()
      for field, value in pairs { authority = "https://evil.example", tenant = "other.com", client_id = "c2" } do
        assert.equal("no_refresh_token", select(2, new { [field] = value }:refresh()).code)
      end
      assert.equal(0, #http.requests)
    end)

    it("is never answered with an app's token, nor the other way round", function()
      local fields = { auth_method = "client-secret", client_secret = "s",
        scopes = { "https://graph.microsoft.com/.default" } }
      http.script = { reply { access_token = "app" } }
      local self = new(fields)
      assert.equal("app", assert(self:acquire()).access_token)
      local token, err = self:acquire { flow = "device-code" }
      assert.is_nil(token)
      assert.equal("interaction", err.kind)
    end)

    it("warns where the server gives no refresh token", function()
      http.script = { DEVICE, reply() }
      assert(new():acquire { on_prompt = function() end })
      assert.matches("offline_access", warnings[1])
    end)
  end)

  it("forgets everything of its profile and nothing of another", function()
    local other = app { id = "2" }
    http.script = { reply() }
    assert(other:acquire())
    local self = signed_in()
    assert.is_true(self:forget())
    assert.equal("no_refresh_token", select(2, self:refresh()).code)
    assert.is_nil((self:peek()))
    assert.is_truthy(other:peek())
  end)

  it("peeks at the last token even after it expired", function()
    local self = signed_in()
    clock.pass(7200)
    assert.equal("at1", self:peek().access_token)
  end)

  it("hands out tokens that do not print themselves", function()
    local token = signed_in():peek()
    assert.equal("entra.token(redacted)", tostring(token))
    assert.same({ "User.Read", "openid" }, token.scopes)
  end)

  it("lets go of the lock when something raises", function()
    local self = app()
    http.script = { function() error("boom") end, reply() }
    assert.has_error(function() self:acquire() end)
    assert(self:acquire())
  end)
end

describe("entra.client on a store in memory", function()
  promises(memory.new)
end)

describe("entra.client on a sealed store", function()
  local dir

  before_each(function() dir = shell.folder() end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  promises(function() return sealed.new(dir .. "/state") end)
end)
