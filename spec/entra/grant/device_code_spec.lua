local device_code = require("entra.grant.device_code")
local errors = require("entra.errors")
local proof = require("spec.support.proof")
local new_clock = require("spec.support.clock")

describe("entra.grant.device_code", function()
  local clock, answers, polls

  before_each(function() clock, answers, polls = new_clock(), {}, 0 end)

  local DEVICE = { device_code = "dc", user_code = "UC", verification_uri = "https://v", expires_in = 60, interval = 5 }

  local function oauth(code, fields)
    local err = errors.new("oauth", code, fields or {})
    err.code = code
    return err
  end

  local function run(fields)
    local way = {
      settings = { client_id = "c", name = "p", tenant = "t" }, scopes = { "User.Read" }, clock = clock,
      deadline = clock.monotonic() + 900, on_prompt = function() end, on_wait = function() end,
      form = proof(),
      post = function(request)
        if request.endpoint == "device_code" then
          return fields and fields.device or DEVICE
        end
        polls = polls + 1
        local answer = table.remove(answers, 1)
        if errors.is(answer) then
          return nil, answer
        end
        return answer
      end,
    }
    for name, value in pairs(fields or {}) do
      way[name] = value
    end
    return device_code.run(way)
  end

  it("polls first after the interval, then at it", function()
    local started = clock.now()
    answers = { oauth("authorization_pending"), { access_token = "a" } }
    assert.equal("a", run().access_token)
    assert.equal(started + 10, clock.now())
    assert.equal(2, polls)
  end)

  it("slows down by five seconds, for good", function()
    local started = clock.now()
    answers = { oauth("slow_down"), oauth("authorization_pending"), { access_token = "a" } }
    assert(run())
    assert.equal(started + 5 + 10 + 10, clock.now())
  end)

  it("pauses for a second even where the server asks for no pause, and shows no page but https", function()
    local started = clock.now()
    answers = { { access_token = "a" } }
    assert(run { post = function(request)
      return request.endpoint and { device_code = "d", user_code = "u", verification_uri = "https://v",
        expires_in = 60, interval = 0 } or table.remove(answers, 1)
    end })
    assert.equal(started + 1, clock.now())
    for _, uri in ipairs { "http://v", "javascript:alert(1)", "https:///", "" } do
      local reply, err = run { on_prompt = error, post = function()
        return { device_code = "d", user_code = "u", verification_uri = uri, expires_in = 60 }
      end }
      assert.is_nil(reply)
      assert.equal("garbled", err.code)
    end
  end)

  it("backs off while the network is away, and goes on", function()
    local started = clock.now()
    answers = { errors.new("network", "down", { code = "connect" }),
      errors.new("network", "slow", { code = "throttled", retry_after = 25 }), { access_token = "a" } }
    assert(run())
    assert.equal(started + 5 + 10 + 25, clock.now())
  end)

  it("stops for good with a sentence of its own", function()
    for code, words in pairs {
      authorization_declined = "declined", access_denied = "declined", expired_token = "expired",
      code_expired = "expired",
    } do
      answers = { oauth(code) }
      local reply, err = run()
      assert.is_nil(reply)
      assert.matches(words, err.message)
      assert.is_string(err.hint)
    end
    answers = { oauth("invalid_grant", { aadsts = 70019 }) }
    assert.matches("expired", select(2, run()).message)
    answers = { oauth("invalid_client") }
    assert.equal("invalid_client", select(2, run()).message)
  end)

  it("stops when the code's time is over, by its own clock", function()
    for _ = 1, 30 do
      answers[#answers + 1] = oauth("authorization_pending")
    end
    local reply, err = run()
    assert.is_nil(reply)
    assert.equal("interaction", err.kind)
    assert.matches("expired", err.message)
    assert.equal(1700000060, clock.now())
  end)

  it("stops at the caller's deadline", function()
    answers = { oauth("authorization_pending"), oauth("authorization_pending") }
    local reply, err = run { deadline = clock.monotonic() + 12 }
    assert.is_nil(reply)
    assert.equal("timeout", err.kind)
    assert.equal(1700000012, clock.now())
  end)

  it("tells every second what is left", function()
    local left = {}
    answers = { { access_token = "a" } }
    run { on_wait = function(seconds) left[#left + 1] = seconds end }
    assert.same({ 60, 59, 58, 57, 56 }, left)
  end)

  it("can be cancelled while it waits", function()
    clock.cancel = true
    local reply, err = run()
    assert.is_nil(reply)
    assert.equal("cancelled", err.kind)
    assert.equal(0, polls)
  end)

  it("asks nothing where there is nobody to be asked", function()
    local reply, err = run { on_prompt = false, post = error }
    assert.is_nil(reply)
    assert.equal("interaction", err.kind)
  end)

  it("never polls faster than it was told to, be the network away", function()
    local started = clock.now()
    answers = { errors.new("network", "down", { code = "connect" }), { access_token = "a" } }
    assert(run { device = { device_code = "d", user_code = "u", verification_uri = "https://v", expires_in = 900,
      interval = 90 } })
    assert.is_true(clock.now() - started >= 180)
  end)

  it("sends what RFC 8628 names: the code for everything a refresh takes, the polls without a retry", function()
    local sent = {}
    assert(run { form = proof { { "client_secret", "s" } }, post = function(request)
      sent[#sent + 1] = request
      return request.endpoint and DEVICE or { access_token = "a" }
    end })
    assert.same({ { "client_id", "c" }, { "scope", "User.Read openid profile offline_access" } }, sent[1].form)
    assert.is_true(sent[1].repeatable)
    assert.same({ { "grant_type", "urn:ietf:params:oauth:grant-type:device_code" }, { "client_id", "c" },
      { "device_code", "dc" }, { "client_info", "1" }, { "client_secret", "s" } }, sent[2].form)
    assert.same({ false, false }, { sent[2].repeatable, sent[2].retry })
  end)

  it("shows the person all that the server says, and the code's own data to nobody", function()
    local shown
    answers = { { access_token = "a" } }
    assert(run { on_prompt = function(prompt) shown = prompt end })
    assert.same({ flow = "device-code", user_code = "UC", verification_uri = "https://v", expires_in = 60,
      client_id = "c", tenant = "t" }, shown)
  end)

  it("passes a claims challenge on when it asks for the code", function()
    local sent
    assert(run { claims = '{"a":1}', post = function(request)
      sent = sent or request
      return request.endpoint and DEVICE or { access_token = "a" }
    end })
    assert.same({ "claims", '{"a":1}' }, sent.form[3])
  end)

  it("tells who signed in, and takes nobody else's answer", function()
    answers = { { access_token = "a", client_info = "eyJ1aWQiOiJ1IiwidXRpZCI6InQifQ" } }
    assert.equal("u.t", run().account.home_account_id)
    answers = { { access_token = "a", id_token = "none" } }
    local reply, err = run()
    assert.is_nil(reply)
    assert.equal("id_token", err.code)
  end)

  it("shows nothing where no code could be had", function()
    local reply, err = run { on_prompt = error, post = function() return nil, errors.new("network", "down") end }
    assert.is_nil(reply)
    assert.equal("network", err.kind)
  end)
end)
