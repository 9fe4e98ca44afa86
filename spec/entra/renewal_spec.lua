-- What becomes of tokens when replies, other processes and stores are not as one would like them.
local cache = require("entra.cache")
local client = require("entra.client")
local core = require("entra.core")
local errors = require("entra.errors")
local memory = require("entra.store.memory")
local sealed = require("entra.store.sealed")
local new_clock = require("spec.support.clock")
local new_http = require("spec.support.http")
local shell = require("spec.support.shell")

local PERSON = {
  id = "1", name = "ada", tenant = "contoso.com", client_id = "c1", authority = "https://idp.example",
  scopes = { "User.Read" }, auth_method = "none",
}
local APP = {
  id = "2", name = "daemon", tenant = "contoso.com", client_id = "c2", authority = "https://idp.example",
  scopes = { "api://x/.default" }, auth_method = "client-secret", client_secret = "s",
}
local REFRESH, TOKENS = cache.refresh_name(PERSON, "user"),
  cache.tokens_name(PERSON, "user", "https://graph.microsoft.com")
local APP_TOKENS = cache.tokens_name(APP, "app", "api://x")

local DEVICE = { device_code = "dc", user_code = "UC", verification_uri = "https://v", expires_in = 900, interval = 5 }
local BUSY = { code = "throttled", details = { retry_after = 30, status = 429 } }

local function reply(access_token, fields)
  local out = { access_token = access_token, token_type = "Bearer", expires_in = 3600, scope = "User.Read" }
  for name, value in pairs(fields or {}) do
    out[name] = value
  end
  return out
end

describe("entra.renewal", function()
  local clock, http, store, warnings, dir

  before_each(function()
    clock, http, store, warnings, dir = new_clock(), new_http(), memory.new(), {}, nil
  end)
  after_each(function()
    if dir then
      os.execute("rm -rf " .. dir)
    end
  end)

  local function new(settings)
    return client.new(settings, store, { clock = clock, http = http,
      warn = function(message) warnings[#warnings + 1] = message end })
  end

  local function signed_in(fields)
    http.script = { DEVICE, reply("at1", fields or { refresh_token = "rt1" }) }
    local self = new(PERSON)
    assert(self:acquire { on_prompt = function() end })
    http.requests = {}
    return self
  end

  describe("where waiting is forbidden", function()
    local exchange = require("entra.exchange")
    after_each(function() exchange.forbid(nil) end)

    it("hands out what is stored, and waits for no lock", function()
      local self = new(APP)
      http.script = { reply("a1", { refresh_in = 10 }) }
      assert(self:acquire())
      exchange.forbid("not here")
      store.lock = function() error("a lock was asked for") end
      assert.equal("a1", assert(self:acquire()).access_token)
      clock.pass(20)
      assert.equal("a1", assert(self:acquire()).access_token) -- due, and not fetched here
      for _, call in ipairs { function() return self:acquire { force = true } end,
        function() return self:refresh() end } do
        local token, err = call()
        assert.is_nil(token)
        assert.equal("would_block", err.code)
      end
      assert.equal(1, #http.requests)
    end)
  end)

  describe("with little patience for a lock", function()
    local function busy(_, _, seconds)
      return nil, errors.new("timeout", "timed out waiting", { code = "lock_timeout", waited = seconds })
    end

    it("an app goes on without the store", function()
      local asked
      store.lock = function(_, _, seconds)
        asked = seconds
        return busy(nil, nil, seconds)
      end
      http.script = { reply("a1") }
      local self = client.new(APP, store, { clock = clock, http = http, lock_patience = 1,
        warn = function(message) warnings[#warnings + 1] = message end })
      assert.equal("a1", assert(self:acquire()).access_token)
      assert.equal(1, asked)
      assert.is_nil(store:read(APP_TOKENS))
      assert.matches("working without a store: timed out waiting", warnings[1])
    end)

    it("a person's refresh token still waits its turn", function()
      signed_in { refresh_token = "rt1" }
      local asked
      store.lock = function(_, _, seconds)
        asked = seconds
        return busy(nil, nil, seconds)
      end
      local self = client.new(PERSON, store, { clock = clock, http = http, lock_patience = 1 })
      local token, err = self:acquire { force = true, timeout = 5 }
      assert.is_nil(token)
      assert.equal("lock_timeout", err.code)
      assert.equal(5, asked)
      assert.equal(0, #http.requests)
    end)
  end)

  -- Make the store's `verb` behave otherwise; `before` is the true one.
  local function bend(verb, with)
    local before = store[verb]
    store[verb] = function(...)
      return with(before, ...)
    end
  end

  -- What another process does while this one waits for the lock.
  local function meanwhile(act)
    bend("lock", function(before, ...)
      store.lock = nil
      clock.pass(1)
      act()
      return (before(...)), true
    end)
  end

  describe("of scopes", function()
    it("answers for all that was granted, asked or not", function()
      local self = signed_in { refresh_token = "rt1", scope = "User.Read Mail.Read" }
      assert.is_true(assert(self:acquire { scope = "Mail.Read User.Read" }).from_cache)
      assert.is_true(assert(self:acquire { scope = "https://graph.microsoft.com/Mail.Read" }).from_cache)
      assert.equal(0, #http.requests)
    end)

    it("hands out a token that was granted less, and never takes it for what was asked", function()
      local self = signed_in()
      http.script = { reply("less"), reply("less again") }
      for _, access_token in ipairs { "less", "less again" } do
        local token = assert(self:acquire { scope = "User.Read Mail.Send" })
        assert.same({ access_token, { "User.Read" } }, { token.access_token, token.scopes })
      end
    end)

    it("keeps one entry for each resource, all turned by the one refresh token", function()
      local self = signed_in()
      http.script = { reply("vault", { scope = "https://vault.azure.net/user", refresh_token = "rt2" }),
        reply("arm", { scope = "https://management.azure.com//user" }) }
      for _ = 1, 2 do
        assert.equal("at1", self:acquire().access_token)
        assert.equal("vault", self:acquire { scope = "https://vault.azure.net/user" }.access_token)
        assert.equal("arm", self:acquire { scope = "https://management.azure.com//user" }.access_token)
      end
      assert.equal(2, #http.requests)
      assert.equal("rt2", http:form().refresh_token)
    end)

    it("refuses two resources at once, before anything is asked", function()
      local token, err = signed_in():acquire { scope = "User.Read https://vault.azure.net/user", force = true }
      assert.is_nil(token)
      assert.equal("usage", err.kind)
      assert.equal(0, #http.requests)
    end)
  end)

  describe("of time", function()
    it("counts a life from the request, not from the answer", function()
      http.script = { function()
        clock.pass(20)
        return reply("slow")
      end }
      assert.equal(3580, assert(new(APP):acquire()):expires_in(clock.now()))
    end)

    it("renews a long life at half time, without being told", function()
      local self = new(APP)
      http.script = { reply("long", { expires_in = 86400 }), reply("next", { expires_in = 86400 }) }
      assert(self:acquire())
      clock.pass(43199)
      assert.equal("long", self:acquire().access_token)
      clock.pass(1)
      assert.equal("next", self:acquire().access_token)
    end)

    it("takes no more than five seconds for a renewal ahead of time", function()
      local self = new(APP)
      http.script = { reply("at1", { refresh_in = 1000 }), { code = "timeout" } }
      assert(self:acquire())
      clock.pass(1001)
      assert.equal("at1", self:acquire().access_token)
      assert.equal(5, http.requests[2].timeout)
    end)

    it("gives a request what is left of the caller's time", function()
      http.script = { reply("at1") }
      assert(new(APP):acquire { timeout = 7 })
      assert.equal(7, http.requests[1].timeout)
    end)
  end)

  describe("of a Retry-After", function()
    it("binds a person's every resource and the refresh by name, until it is over", function()
      local self = signed_in()
      http.script = { BUSY, reply("at2") }
      assert.equal(30, select(2, self:refresh()).retry_after)
      clock.pass(10)
      assert.equal(20, select(2, self:refresh()).retry_after)
      assert.equal("throttled", select(2, self:acquire { scope = "https://vault.azure.net/user" }).code)
      assert.equal(1, #http.requests)
      clock.pass(21)
      assert.equal("at2", assert(self:refresh()).access_token)
    end)
  end)

  describe("next to other processes", function()
    it("takes the token that the process before it fetched", function()
      local self, other = new(APP), new(APP)
      http.script = { reply("theirs") }
      meanwhile(function() assert(other:acquire()) end)
      local token = assert(self:acquire())
      assert.equal("theirs", token.access_token)
      assert.is_true(token.from_cache)
      assert.equal(1, #http.requests)
    end)

    it("shares, with force and by name too, an exchange made since it was asked", function()
      local self, other = signed_in(), new(PERSON)
      local calls = { function() return self:acquire { force = true } end, function() return self:refresh() end }
      for _, call in ipairs(calls) do
        http.script = { reply("theirs") }
        meanwhile(function() assert(other:refresh()) end)
        assert.equal("theirs", assert(call()).access_token)
        assert.equal(0, #http.script)
      end
    end)

    it("takes nothing for a result of that which a wrong clock wrote", function()
      clock.pass(86400)
      local self = signed_in()
      clock.pass(-86400)
      meanwhile(function() end)
      http.script = { reply("at2", { refresh_token = "rt2" }) }
      assert.equal("at2", assert(self:refresh()).access_token)
    end)

    it("shares the failure of the process it waited for", function()
      local self, other = new(APP), new(APP)
      http.script = { { code = "connect" } }
      meanwhile(function() assert.is_nil((other:acquire())) end)
      assert.equal("connect", select(2, self:acquire()).code)
      assert.equal(1, #http.requests)
    end)

    it("asks again itself when it did not wait", function()
      local self = new(APP)
      http.script = { { code = "connect" }, reply("at1") }
      assert.is_nil((self:acquire()))
      assert.equal("at1", assert(self:acquire()).access_token)
    end)

    it("hands out the present token where somebody else renews it ahead of time", function()
      local self = new(APP)
      http.script = { reply("at1", { refresh_in = 1000 }) }
      assert(self:acquire())
      clock.pass(1001)
      bend("lock", function(_, _, _, seconds)
        assert.equal(0, seconds)
        return nil, errors.new("timeout", "busy", { code = "lock_timeout" })
      end)
      assert.equal("at1", self:acquire().access_token)
      assert.equal(1, #http.requests)
    end)

    it("holds no lock while a person signs in", function()
      local locked = 0
      bend("lock", function()
        locked = locked + 1
        return { release = function() locked = locked - 1 end }, false
      end)
      http.script = { DEVICE, function()
        assert.equal(0, locked)
        return reply("at1", { refresh_token = "rt1" })
      end }
      assert(new(PERSON):acquire { on_prompt = function() assert.equal(0, locked) end })
      assert.equal(0, locked)
    end)
  end)

  describe("on a failing store", function()
    local function no_lock()
      return nil, errors.new("store", "the folder is read-only", { code = "EROFS" })
    end

    it("gives an app its token with one warning, and uses the store again when it is back", function()
      local self = new(APP)
      http.script = { reply("at1"), reply("at2"), reply("at3") }
      bend("lock", no_lock)
      assert.equal("at1", assert(self:acquire()).access_token)
      assert.equal(1, #warnings)
      assert.matches("read%-only", warnings[1])
      assert.equal("at2", assert(self:acquire()).access_token)
      store.lock = nil
      assert.equal("at3", assert(self:acquire()).access_token)
      assert.equal("at3", assert(self:acquire()).access_token)
    end)

    it("turns no refresh token that it could not store", function()
      local self = signed_in()
      for verb, with in pairs { lock = no_lock, reserve = no_lock } do
        bend(verb, with)
        assert.equal("store", select(2, self:refresh()).kind)
        assert.equal("store", select(2, self:acquire { force = true }).kind)
        store[verb] = nil
      end
      assert.equal(0, #http.requests)
    end)

    it("gives back the room for a refresh token, whatever comes", function()
      local held = 0
      bend("reserve", function()
        held = held + 1
        return { drop = function() held = held - 1 end }
      end)
      local self = signed_in()
      for _, answer in ipairs { reply("at2", { refresh_token = "rt2" }), reply("at3"),
        { code = "oauth", details = { error = "invalid_request" } }, { code = "connect" },
        { code = "oauth", details = { error = "invalid_grant", suberror = "bad_token" } } } do
        http.script = { answer }
        self:refresh()
        assert.equal(0, held)
        assert.equal(0, #http.script)
      end
    end)

    describe("where a rotated refresh token could not be stored after all", function()
      local function full() return nil, errors.new("store", "the disk is full", { code = "ENOSPC" }) end

      it("fails a refresh", function()
        local self = signed_in()
        http.script = { reply("at2", { refresh_token = "rt2" }) }
        bend("write", full)
        local token, err = self:refresh()
        assert.is_nil(token)
        assert.equal("ENOSPC", err.code)
      end)

      it("still gives who asks for a token the one that came, with a warning", function()
        local self = signed_in()
        http.script = { reply("at2", { refresh_token = "rt2" }) }
        bend("write", full)
        assert.equal("at2", assert(self:acquire { force = true }).access_token)
        assert.same({ "the new refresh token is not stored: the disk is full" }, warnings)
      end)
    end)

    it("hands out a token that could only not be cached, and warns", function()
      local self = new(APP)
      http.script = { reply("at1") }
      bend("write", function() return nil, errors.new("store", "the disk is full", { code = "ENOSPC" }) end)
      assert.equal("at1", assert(self:acquire()).access_token)
      assert.matches("the disk is full", warnings[1])
    end)

    it("does not waste a sign-in that it cannot store", function()
      http.script = { DEVICE, reply("at1", { refresh_token = "rt1" }) }
      bend("lock", no_lock)
      assert.equal("at1", assert(new(PERSON):acquire { on_prompt = function() end }).access_token)
      assert.matches("not stored", warnings[1])
    end)

    it("leaves no note of a failure that is its own", function()
      local self = signed_in()
      http.script = { { code = "interrupted" }, reply("at2") }
      assert.equal("cancelled", select(2, self:refresh()).kind)
      assert.is_nil(store:read_note(REFRESH))
      assert(self:refresh())
    end)
  end)

  describe("of sealed records", function()
    before_each(function()
      dir = shell.folder()
      store = sealed.new(dir .. "/state")
    end)

    local function path(name)
      return dir .. "/state/records/" .. core.record_file(name) .. ".rec"
    end

    local function rewrite(name, change)
      shell.write(path(name), change(shell.read(path(name))))
      return shell.read(path(name))
    end

    local function break_it(bytes)
      return bytes:sub(1, -2) .. string.char((bytes:byte(-1) + 1) % 256)
    end

    local function make_newer(bytes)
      return bytes:sub(1, 8) .. "\9" .. bytes:sub(10)
    end

    it("moves broken tokens aside, warns, and fetches new ones", function()
      local self = new(APP)
      http.script = { reply("at1"), reply("at2") }
      assert(self:acquire())
      local broken = rewrite(APP_TOKENS, break_it)
      assert.equal("at2", assert(self:acquire()).access_token)
      assert.equal(broken, shell.read(path(APP_TOKENS) .. ".broken"))
      assert.matches("moved aside", warnings[1])
      assert.equal("at2", self:acquire().access_token)
    end)

    it("warns truly, and fetches a token, where broken ones cannot be moved aside", function()
      local self = new(APP)
      http.script = { reply("at1"), reply("at2") }
      assert(self:acquire())
      rewrite(APP_TOKENS, break_it)
      shell.capture(("rm -rf %s.broken; mkdir -p %s.broken/x"):format(path(APP_TOKENS), path(APP_TOKENS)))
      assert.equal("at2", assert(self:acquire()).access_token)
      assert.is_nil(warnings[1]:find("moved aside", 1, true))
      assert.matches("cannot move .* aside: ", warnings[1])
    end)

    -- Each byte of a record, another one.
    local function each_byte(name, look)
      local whole = shell.read(path(name))
      for i = 1, #whole do
        shell.write(path(name), whole:sub(1, i - 1) .. string.char((whole:byte(i) + 1) % 256) .. whole:sub(i + 1))
        -- A later layout's number is not damage.
        if i ~= 9 then
          look(i)
        end
      end
    end

    it("moves tokens aside whichever of their bytes is another, and fetches new ones", function()
      local self = new(APP)
      http.script = { reply("first") }
      assert(self:acquire())
      each_byte(APP_TOKENS, function(i)
        os.remove(path(APP_TOKENS) .. ".broken")
        local broken = shell.read(path(APP_TOKENS))
        http.script, warnings = { reply("at" .. i) }, {}
        assert.equal("at" .. i, assert(self:acquire()).access_token)
        assert.equal(broken, shell.read(path(APP_TOKENS) .. ".broken"))
        assert.matches("moved aside$", warnings[1])
        assert.equal(1, #warnings)
      end)
    end)

    it("names the way out of a refresh token whichever of its bytes is another, and keeps it", function()
      local self = signed_in()
      each_byte(REFRESH, function()
        local broken = shell.read(path(REFRESH))
        local token, err = self:refresh()
        assert.is_nil(token)
        assert.equal("store", err.kind)
        assert.matches("^restore the key, or sign in again: entra%-auth%-cli ", err.hint)
        assert.equal(broken, shell.read(path(REFRESH)))
      end)
      assert.equal(0, #http.requests)
    end)

    it("stops at a broken refresh token, names the way out, and leaves it where it is", function()
      local self = signed_in()
      clock.pass(3600)
      local broken = rewrite(REFRESH, break_it)
      for _, verb in ipairs { "acquire", "refresh" } do
        local token, err = self[verb](self, { on_prompt = error })
        assert.is_nil(token)
        assert.equal("store", err.kind)
        assert.matches("sign in again: entra%-auth%-cli get%-token %-%-profile ada", err.hint)
      end
      -- Nor does a sign-in that comes to nothing; one that succeeds keeps it aside.
      http.script = { DEVICE, { code = "oauth", details = { error = "authorization_declined" } } }
      assert.is_nil((self:acquire { on_prompt = function() end, flow = "device-code", force = true }))
      assert.equal(broken, shell.read(path(REFRESH)))
      http.script = { DEVICE, reply("at2", { refresh_token = "rt2" }) }
      assert(self:acquire { on_prompt = function() end, flow = "device-code", force = true })
      assert.equal(broken, shell.read(path(REFRESH) .. ".broken"))
      http.script = { reply("at3") }
      assert(self:refresh())
      assert.equal("rt2", http:form().refresh_token)
    end)

    it("never writes over a record of a later layout, not even with force", function()
      local self = signed_in()
      local refresh, tokens = rewrite(REFRESH, make_newer), rewrite(TOKENS, make_newer)
      for _, opts in ipairs { {}, { force = true }, { force = true, flow = "device-code" } } do
        opts.on_prompt = error
        assert.equal("newer", select(2, self:acquire(opts)).code)
      end
      assert.equal("newer", select(2, self:refresh()).code)
      assert.same({ refresh, tokens }, { shell.read(path(REFRESH)), shell.read(path(TOKENS)) })

      http.script = { reply("at1"), reply("at2") }
      self = new(APP)
      assert(self:acquire())
      tokens = rewrite(APP_TOKENS, make_newer)
      self:acquire { force = true }
      assert.equal(tokens, shell.read(path(APP_TOKENS)))
    end)
  end)
end)
