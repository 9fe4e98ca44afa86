local authorization_code = require("entra.grant.authorization_code")
local core = require("entra.core")
local crypto = require("entra.crypto")
local errors = require("entra.errors")
local minted = require("spec.support.minted")
local new_clock = require("spec.support.clock")
local proof = require("spec.support.proof")

local TID = "11111111-2222-3333-4444-555555555555"

describe("entra.grant.authorization_code", function()
  local clock, shown, page, sent, answer, closed, id_claims

  before_each(function()
    clock, shown, page, sent, closed, id_claims = new_clock(), nil, nil, nil, 0, {}
    answer = function() return { code = "the code" } end
    package.loaded["entra.loopback"] = {
      listen = function()
        return {
          port = function() return 51703 end,
          close = function() closed = closed + 1 end,
          wait = function(_, opts) return answer(opts) end,
        }
      end,
    }
  end)
  after_each(function() package.loaded["entra.loopback"] = nil end)

  local function parameters(url)
    local out = {}
    for name, value in url:match("%?(.*)$"):gmatch("([^&=]+)=([^&]*)") do
      out[name] = value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    end
    return out
  end

  local function run(fields)
    local way = {
      flow = "interactive", settings = { client_id = "c1", name = "me", tenant = "contoso.com",
        authority = "https://idp.example" },
      scopes = { "User.Read" }, clock = clock, deadline = clock.monotonic() + 900, form = proof(),
      open_browser = function(url)
        page = parameters(url)
        return true
      end,
      on_prompt = function(p)
        shown = p
        page = page or parameters(p.url)
      end,
      post = function(request)
        sent = request
        local claims = { aud = "c1", nonce = page.nonce, exp = clock.now() + 60, tid = TID, oid = "o1",
          iss = "https://idp.example/" .. TID .. "/v2.0" }
        for name, value in pairs(id_claims) do
          claims[name] = value
        end
        return { access_token = "a", id_token = minted(claims) }
      end,
    }
    for name, value in pairs(fields or {}) do
      way[name] = value
    end
    return authorization_code.run(way)
  end

  local function field(name)
    for _, pair in ipairs(sent.form) do
      if pair[1] == name then
        return pair[2]
      end
    end
  end

  it("asks as RFC 6749 §4.1.1, RFC 7636 §4.3 and OpenID Connect say", function()
    assert(run())
    assert.equal("c1", page.client_id)
    assert.equal("code", page.response_type)
    assert.equal("query", page.response_mode)
    assert.equal("http://localhost:51703", page.redirect_uri)
    assert.equal("User.Read openid profile offline_access", page.scope)
    assert.equal("S256", page.code_challenge_method)
    assert.equal("1", page.client_info)
    for _, name in ipairs { "state", "nonce", "code_challenge" } do
      assert.matches("^[%w_-]+$", page[name])
      assert.equal(43, #page[name])
    end
  end)

  it("asks anew each time", function()
    assert(run())
    local first = page
    page = nil
    assert(run())
    for _, name in ipairs { "state", "nonce", "code_challenge" } do
      assert.not_equal(first[name], page[name])
    end
  end)

  it("lets the person choose the account, or begins with the one it is told", function()
    assert(run())
    assert.equal("select_account", page.prompt)
    page = nil
    assert(run { login_hint = "ada@contoso.com" })
    assert.equal("ada@contoso.com", page.login_hint)
    assert.is_nil(page.prompt)
  end)

  it("redeems the code once, with the verifier and the same redirect URI", function()
    local reply = assert(run())
    assert.equal("authorization_code", field("grant_type"))
    assert.equal("the code", field("code"))
    assert.equal(page.redirect_uri, field("redirect_uri"))
    assert.equal(43, #field("code_verifier"))
    assert.equal(page.code_challenge, core.base64url_encode(crypto.sha256(field("code_verifier"))))
    assert.same({ false, false }, { sent.repeatable, sent.retry })
    assert.equal("o1." .. TID, reply.account.home_account_id)
    assert.equal(1, closed)
  end)

  it("passes a claims challenge on", function()
    assert(run { claims = '{"a":1}' })
    assert.equal('{"a":1}', page.claims)
  end)

  it("waits for the answer with its own state", function()
    local waited
    answer = function(opts)
      waited = opts
      return { code = "c" }
    end
    assert(run { wake = 7 })
    assert.equal(page.state, waited.state)
    assert.equal(7, waited.wake)
    assert.equal(900, waited.timeout)
  end)

  it("shows the page wherever it was opened, and how long it waits", function()
    assert(run())
    assert.is_true(shown.opened)
    assert.is_false(shown.can_paste)
    assert.equal(900, shown.expires_in)
    assert.matches("^https://idp.example/contoso.com/oauth2/v2.0/authorize%?client_id=c1&", shown.url)
  end)

  it("goes on without a browser where none is wanted, or where the person can paste", function()
    assert(run { open_browser = false })
    assert.is_false(shown.opened)
    local none = function() return nil, errors.new("interaction", "none") end
    page = nil
    assert(run { open_browser = none, input = { fd = 0 } })
    assert.is_true(shown.can_paste)
  end)

  it("needs somebody to ask, and a way to them", function()
    local reply, err = run { on_prompt = false }
    assert.is_nil(reply)
    assert.equal("interaction_required", err.code)
    assert.matches("--flow interactive$", err.hint)
    reply, err = run { open_browser = function() return nil, errors.new("interaction", "no display") end }
    assert.is_nil(reply)
    assert.equal("no_browser", err.code)
    assert.matches("no display", err.message)
    assert.matches("--flow device%-code %-%-force$", err.hint)
    assert.is_nil(sent)
    assert.equal(1, closed)
  end)

  it("gives a refusal in the browser its words, and none of its tricks", function()
    answer = function()
      return { error = "access_denied", error_description = "AADSTS53003: Blocked.\27[2J<script>\r\n"
        .. "Trace ID: 12ab-34\r\nCorrelation ID: 56cd\r\nTimestamp: 2026-01-09 02:02:12Z" }
    end
    local reply, err = run()
    assert.is_nil(reply)
    assert.equal("access_denied", err.code)
    assert.equal(53003, err.aadsts)
    assert.matches("Blocked", err.message)
    assert.is_nil(err.message:find("[%c]"))
    assert.is_nil(err.message:find("Trace", 1, true))
    assert.same({ "12ab-34", "56cd" }, { err.trace_id, err.correlation_id })
    answer = function() return { error = "\27]0;x\7" } end
    assert.equal("error", select(2, run()).code)
    assert.is_nil(sent)
  end)

  it("takes no answer of another authority (RFC 9207)", function()
    for iss, good in pairs { ["https://evil.example/" .. TID .. "/v2.0"] = false,
      ["https://idp.example.evil.example/"] = false, ["https://idp.example/" .. TID .. "/v2.0"] = true } do
      answer = function() return { code = "c", iss = iss } end
      local reply, err = run()
      assert.equal(good, reply ~= nil, iss)
      assert.is_true(good or err.code == "issuer")
    end
  end)

  it("takes no token of another sign-in", function()
    id_claims = { nonce = "another" }
    local reply, err = run()
    assert.is_nil(reply)
    assert.equal("id_token", err.code)
  end)

  it("allows the exchange its minute, even where the person came in the last second", function()
    answer = function()
      clock.pass(899.9)
      return { code = "c" }
    end
    local way = { deadline = clock.monotonic() + 900 }
    local left
    assert(run { deadline = way.deadline, post = function()
      left = true
      return { access_token = "a", id_token = minted { aud = "c1", nonce = page.nonce, exp = clock.now() + 60,
        tid = TID, iss = "https://idp.example/" .. TID .. "/v2.0" } }
    end })
    assert.is_true(left)
  end)

  it("says that a code may be spent where the reply was lost", function()
    local reply, err = run { post = function() return nil, errors.new("network", "reset") end }
    assert.is_nil(reply)
    assert.matches("spent", err.hint)
  end)

  it("closes the port whatever happens", function()
    answer = function() error("boom") end
    assert.has_error(run)
    assert.equal(1, closed)
  end)
end)
