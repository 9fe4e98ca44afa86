local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

local REFUSED = "refresh token expired or invalid"
local SIGN_IN = "entra-auth-cli get-token --profile myapp --flow interactive --force"

describe("refresh", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  local function run(arguments, more)
    return ada:run("entra-auth-cli refresh -p myapp " .. (arguments or ""), nil, more)
  end

  local function later(span, command)
    return ada:run(("faketime -f '+%s' entra-auth-cli %s -p myapp"):format(span, command))
  end

  local function refreshes()
    return provider.tokens("refresh_token")
  end

  local function stored_refresh_token()
    return json.decode(ada:must("entra-auth-cli get-token -p myapp -o json").out).refresh_token
  end

  it("sends the stored refresh token, caches and prints the new access token", function()
    ada:person("myapp", true)
    local first = ada:must("entra-auth-cli get-token -p myapp").out
    local held = stored_refresh_token()
    local second = expect.token(run())
    local requests = provider.control("GET", "/requests")
    assert.equal("refresh_token", requests[#requests].form.grant_type)
    assert.equal(held, requests[#requests].form.refresh_token)
    assert.not_equal(first, second .. "\n")
    assert.equal(second .. "\n", ada:must("entra-auth-cli get-token -p myapp").out)
    assert.not_equal(held, stored_refresh_token())
    assert.equal(1, refreshes())
  end)

  it("asks the network each time, however fresh the token is", function()
    ada:person("myapp", true)
    assert.not_equal(expect.token(run()), expect.token(run()))
    assert.equal(2, refreshes())
  end)

  it("writes JSON as the page shows it, for either spelling of the flag", function()
    ada:person("myapp", true, "User.Read Mail.Read")
    for _, flag in ipairs { "-o json", "--output json" } do
      local result = run(flag)
      assert.equal(0, result.status)
      local object, names = json.decode(result.out), {}
      for name in result.out:gmatch('\n  "([%w_]+)":') do
        names[#names + 1] = name
      end
      assert.same({ "token_type", "scope", "expires_in", "access_token", "refresh_token", "expires_at" }, names)
      assert.equal("Bearer", object.token_type)
      assert.matches("User.Read Mail.Read", object.scope)
      assert.is_true(object.expires_in > 3500 and object.expires_in <= 3599)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", object.expires_at)
      assert.equal(object.refresh_token, stored_refresh_token())
    end
  end)

  it("gets a token for another resource with --scope", function()
    ada:person("myapp", true)
    local token = expect.token(run("-s https://vault.azure.net/user_impersonation"))
    assert.equal("https://vault.azure.net", require("entra.jwt").decode(token).claims.aud)
  end)

  it("takes the profile from the environment and from 'config use'", function()
    ada:person("myapp", true)
    expect.failure(ada:run("entra-auth-cli refresh"), 2, "profile 'default' not found")
    expect.token(ada:run("entra-auth-cli refresh", nil, { ENTRA_AUTH_CLI_PROFILE = "myapp" }))
    ada:must("entra-auth-cli config use myapp")
    expect.token(ada:run("entra-auth-cli refresh"))
  end)

  for _, case in ipairs {
    { "off", "the same refresh token goes on working", function(a, b) assert.equal(a, b) end },
    { "entra", "each exchange brings a new refresh token", function(a, b) assert.not_equal(a, b) end },
    { "strict", "no refresh token is ever used twice", function(a, b) assert.not_equal(a, b) end },
  } do
    it(("with rotation '%s', %s"):format(case[1], case[2]), function()
      provider.settings { rotation = case[1] }
      ada:person("myapp", true)
      for _ = 1, 3 do
        local before = stored_refresh_token()
        expect.token(run())
        case[3](before, stored_refresh_token())
      end
      assert.equal(3, refreshes())
    end)
  end

  it("stores a rotated refresh token before it prints, so that a lost reader costs nothing", function()
    provider.settings { rotation = "strict" }
    ada:person("myapp", true)
    assert.equal(1, run(">/dev/full").status)
    expect.token(run())
    assert.equal(2, refreshes())
  end)

  it("returns the result of another process's exchange that it had to wait for", function()
    provider.settings { rotation = "strict" }
    ada:person("myapp", true)
    provider.fault { kind = "delay", ms = 1500, endpoint = "token" }
    local result = ada:must([[
      entra-auth-cli refresh -p myapp >$HOME/1 &
      for _ in $(seq 500); do
        [ "$(curl -s $CONTROL/counters | jq .requests.token)" = 2 ] && break
        sleep 0.02
      done
      entra-auth-cli refresh -p myapp >$HOME/2 &
      entra-auth-cli refresh -p myapp >$HOME/3
      wait
      cmp $HOME/1 $HOME/2 && cmp $HOME/1 $HOME/3 && cat $HOME/1]], nil, { CONTROL = ada.idp.control })
    assert.matches("^eyJ", result.out)
    assert.equal(1, refreshes())
  end)

  describe("without a refresh token", function()
    local WORDS = "no refresh token available for profile 'myapp'"

    it("exits 3 for an app's profile, with the page's remedy, and asks nobody", function()
      ada:daemon("myapp")
      ada:must("entra-auth-cli get-token -p myapp")
      expect.failure(run(), 3, WORDS, "entra-auth-cli get-token --profile myapp", false)
      assert.equal(1, provider.requests("token"))
    end)

    it("exits 3 before anybody has signed in", function()
      ada:person("myapp")
      expect.failure(run(), 3, WORDS, "entra-auth-cli get-token --profile myapp", false)
    end)

    it("exits 3 where the server gave none", function()
      provider.settings { omit_refresh_token = true }
      ada:person("myapp", true)
      expect.failure(run(), 3, WORDS, "entra-auth-cli get-token --profile myapp", false)
    end)

    it("exits 3 where the profile was replaced", function()
      ada:person("myapp", true)
      ada:must(("entra-auth-cli config create -n myapp --tenant %s --client-id %s --force"):format(
        ada.idp.tenant, ada.idp.clients.public.client_id))
      expect.failure(run(), 3, WORDS)
      assert.equal(0, refreshes())
    end)
  end)

  describe("with a refresh token that was revoked", function()
    before_each(function()
      ada:person("myapp", true)
      provider.control("POST", "/revoke", {})
    end)

    it("exits 4 with the command to run", function()
      expect.failure(run(), 4, REFUSED, SIGN_IN, "^AADSTS50173, correlation %x+%-.*, trace %x+%-")
    end)

    it("exits 4 again and again, without asking the server again", function()
      for _ = 1, 3 do
        expect.failure(run(), 4, REFUSED, SIGN_IN)
      end
      assert.equal(2, provider.requests("token"))
    end)

    it("leaves get-token at 3 with the same command, once the access token is over", function()
      run()
      expect.failure(later("2h", "get-token"), 3, REFUSED, SIGN_IN)
      expect.failure(later("2h", "get-token"), 3, REFUSED, SIGN_IN)
      assert.equal(2, provider.requests("token"))
    end)

    it("makes get-token find out for itself", function()
      expect.failure(later("2h", "get-token"), 3, nil, SIGN_IN, "^AADSTS50173")
      expect.failure(run(), 4, REFUSED, SIGN_IN)
    end)

    it("is healed by the command in the hint", function()
      local said = expect.failure(run(), 4)
      ada:must(said.hint, nil, { BROWSER = user.BROWSER })
      expect.token(run())
      expect.token(ada:run("entra-auth-cli get-token -p myapp"))
    end)
  end)

  it("exits 4 where the refresh token has expired", function()
    provider.settings { refresh_token_ttl = 2 }
    ada:person("myapp", true)
    provider.fault { kind = "delay", ms = 2500, grant_type = "refresh_token" }
    expect.failure(run(), 4, REFUSED, SIGN_IN, "^AADSTS700082")
  end)

  it("exits 4 where a person must prove more, and the refresh token stays good for all else", function()
    ada:person("myapp", true)
    for _ = 1, 2 do
      expect.failure(run("-s Needs.Mfa"), 4, REFUSED, SIGN_IN, "^AADSTS50076")
    end
    assert.equal(3, provider.requests("token"))
    expect.token(run())
  end)

  it("exits 4 where consent is missing, and the refresh token stays good", function()
    ada:person("myapp", true)
    expect.failure(run("-s Needs.Consent"), 4, REFUSED, nil, "^AADSTS65001")
    expect.token(run())
  end)

  it("exits 1 for any other refusal, and the refresh token stays good", function()
    ada:person("myapp", true)
    expect.failure(run("-s https://nowhere.example/x"), 1, "^.*AADSTS500011: ", nil, "^AADSTS500011")
    expect.token(run())
  end)

  it("obeys a Retry-After, without asking again before it is over", function()
    ada:person("myapp", true)
    provider.fault { kind = "status", status = 429, retry_after = 30, times = 1, endpoint = "token" }
    expect.failure(run(), 5, nil, "wait 30 seconds, then try again")
    expect.failure(run(), 5, nil, "^wait [23]%d seconds, then try again$")
    expect.failure(later("20s", "refresh"), 5, nil, "^wait %d+ seconds, then try again$")
    assert.equal(2, provider.requests("token"))
    expect.token(later("31s", "refresh"))
    assert.equal(3, provider.requests("token"))
  end)

  it("exits 5 where the network is away, and the refresh token stays good", function()
    ada:person("myapp", true)
    expect.failure(run(nil, { HTTPS_PROXY = "http://127.0.0.1:9" }), 5)
    expect.token(run())
  end)

  it("exits 5 where --timeout is over", function()
    ada:person("myapp", true)
    provider.fault { kind = "hang", endpoint = "token", times = 1 }
    expect.failure(run("--timeout 1s"), 5, nil, "try again, or allow more time with --timeout")
    expect.token(run())
  end)

  it("exits 2 for a profile that does not exist", function()
    expect.failure(ada:run("entra-auth-cli refresh --profile nobody"), 2, "profile 'nobody' not found",
      "entra-auth-cli config list")
  end)

  for _, case in ipairs {
    { "--nope", "unknown option '--nope'" },
    { "-o xml", "argument for option '-o' must be one of 'token', 'json', 'header', 'env'" },
    { "--timeout never", "'never' is not a time such as 30s or 2m" },
    { "--force", "unknown option '--force'" },
    { "extra", "too many arguments" },
  } do
    it("exits 1 for " .. case[1], function()
      ada:person("myapp")
      expect.failure(run(case[1]), 1, case[2])
    end)
  end

  it("sends a refresh token to nobody but the authority that gave it", function()
    ada:person("myapp", true)
    ada:must(([[sed -i 's|"%s"|"%s"|' %s]]):format(ada.idp.base, ada.idp.untrusted, ada.profiles))
    expect.failure(run(), 3, "no refresh token available for profile 'myapp'")
    assert.equal(1, provider.requests("token"))
  end)

  it("explains itself on stdout, with the page's examples", function()
    local result = ada:must("entra-auth-cli refresh --help")
    assert.equal("", result.err)
    for _, word in ipairs { "--profile", "--scope", "--output", "--timeout", "TOKEN=$(entra-auth-cli refresh)" } do
      assert.is_truthy(result.out:find(word, 1, true), word .. " is missing")
    end
  end)
end)
