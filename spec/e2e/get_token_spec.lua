local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

local VAULT = "https://vault.azure.net"

local function members(object)
  local names = {}
  for name in pairs(object) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function claims(token)
  return assert(require("entra.jwt").decode(token)).claims
end

describe("get-token", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  local function get(arguments, more)
    return expect.token(ada:run("entra-auth-cli get-token " .. (arguments or ""), nil, more))
  end

  local function later(span, arguments)
    return ada:run(("faketime -f '+%s' entra-auth-cli get-token %s"):format(span, arguments or ""))
  end

  describe("of an app", function()
    before_each(function()
      ada:daemon("production")
    end)

    it("prints exactly the token and one newline", function()
      get("-p production")
    end)

    it("asks the network once, then answers from the cache", function()
      assert.equal(get("-p production"), get("-p production"))
      assert.equal(1, provider.requests("token"))
    end)

    it("answers from the cache where there is no network any more", function()
      local token = get("-p production")
      assert.equal(token, get("-p production", { HTTPS_PROXY = "http://127.0.0.1:9" }))
      expect.failure(ada:run("entra-auth-cli get-token -p production --force", nil,
        { HTTPS_PROXY = "http://127.0.0.1:9" }), 4)
    end)

    it("sends a secret of awkward characters unharmed", function()
      get("-p production")
      local requests = provider.control("GET", "/requests")
      assert.equal("S3~x%&=+/é", requests[#requests].form.client_secret)
    end)

    it("asks anew with --force, and caches what it got", function()
      local first = get("-p production")
      local second = get("-p production --force")
      assert.not_equal(first, second)
      assert.equal(second, get("-p production"))
      assert.equal(2, provider.requests("token"))
    end)

    it("keeps no access token with --no-cache", function()
      local first = get("-p production --no-cache")
      assert.not_equal(first, get("-p production"))
      assert.equal(2, provider.requests("token"))
    end)

    it("writes the documented members as JSON, and no refresh token", function()
      local object = json.decode(ada:must("entra-auth-cli get-token -p production -o json").out)
      assert.same({ "access_token", "expires_at", "expires_in", "scope", "token_type" }, members(object))
      assert.equal("Bearer", object.token_type)
      assert.equal("https://graph.microsoft.com/.default", object.scope)
      assert.equal(get("-p production"), object.access_token)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", object.expires_at)
      assert.is_true(object.expires_in > 3500 and object.expires_in <= 3599)
    end)

    it("tells in expires_in what remains, not what was granted", function()
      local first = json.decode(ada:must("entra-auth-cli get-token -p production -o json").out)
      local result = later("30m", "-p production -o json")
      local second = json.decode(result.out)
      assert.equal(first.access_token, second.access_token)
      assert.equal(first.expires_at, second.expires_at)
      assert.is_true(second.expires_in > 1700 and second.expires_in <= 1799, tostring(second.expires_in))
    end)

    it("keeps one token per resource", function()
      local graph = get("-p production")
      local vault = get(("-p production -s %s/.default"):format(VAULT))
      assert.equal(VAULT, claims(vault).aud)
      assert.equal("https://graph.microsoft.com", claims(graph).aud)
      assert.equal(vault, get(("-p production --scope %s/.default"):format(VAULT)))
      assert.equal(graph, get("-p production"))
      assert.equal(2, provider.requests("token"))
    end)

    it("gets a new one when the old one has expired", function()
      local first = get("-p production")
      assert.not_equal(first, expect.token(later("2h", "-p production")))
    end)

    it("gets a new one when the old one is about to expire", function()
      local first = get("-p production")
      assert.equal(first, expect.token(later("54m", "-p production")))
      assert.not_equal(first, expect.token(later("56m", "-p production")))
    end)

    it("renews ahead of time from refresh_in on, not before", function()
      provider.settings { refresh_in = 1800 }
      local first = get("-p production")
      assert.equal(first, expect.token(later("29m", "-p production")))
      assert.equal(1, provider.requests("token"))
      local second = expect.token(later("31m", "-p production"))
      assert.not_equal(first, second)
      assert.equal(2, provider.requests("token"))
    end)

    it("hands out the present token where renewing it ahead of time fails", function()
      provider.settings { refresh_in = 1800 }
      local first = get("-p production")
      provider.fault { kind = "status", status = 503, retry_after = 30 }
      assert.equal(first, expect.token(later("31m", "-p production")))
      assert.equal(2, provider.requests("token"))
    end)

    it("reads expires_in also where the server writes it as a string", function()
      provider.settings { expires_in_as_string = true }
      local object = json.decode(ada:must("entra-auth-cli get-token -p production -o json").out)
      assert.is_true(object.expires_in > 3500 and object.expires_in <= 3599)
    end)

    for _, spelling in ipairs { "client-credentials", "ClientCredentials", "CLIENT_CREDENTIALS" } do
      it("understands --flow " .. spelling, function()
        local token = get("-p production")
        assert.equal(token, get("-p production -f " .. spelling))
        assert.equal(1, provider.requests("token"))
      end)
    end

    it("never answers a user flow with an app's token", function()
      local app = get("-p production")
      provider.settings { auto_approve = true, device_interval = 0 }
      local result = ada:must("entra-auth-cli get-token -p production -f device-code")
      assert.not_equal(app .. "\n", result.out)
      assert.equal("ada@contoso.com", claims(result.out).upn)
      assert.is_nil(claims(app).upn)
      assert.equal(app, get("-p production"))
    end)

    it("works without a store that it cannot write, and says so", function()
      ada:must("chmod 500 " .. ada.state .. "/records")
      local result = ada:run_ordinary("entra-auth-cli get-token -p production")
      assert.equal(0, result.status)
      assert.matches("^eyJ[^\n]*\n$", result.out)
      assert.matches("^Warning: working without a store: [^\n]+\n$", result.err)
    end)
  end)

  describe("of a person", function()
    local function refreshes()
      return provider.tokens("refresh_token")
    end

    it("writes the refresh token as JSON, too", function()
      ada:person("me", true)
      local object = json.decode(ada:must("entra-auth-cli get-token -p me -o json").out)
      assert.same({ "access_token", "expires_at", "expires_in", "refresh_token", "scope", "token_type" },
        members(object))
      assert.matches("User%.Read", object.scope)
      assert.equal("ada@contoso.com", claims(object.access_token).upn)
    end)

    it("refreshes an expired token without a word", function()
      ada:person("me", true)
      local first = get("-p me")
      local second = expect.token(later("2h", "-p me"))
      assert.not_equal(first, second)
      assert.equal(1, refreshes())
      assert.equal(second, expect.token(later("2h", "-p me")))
      assert.equal(1, refreshes())
    end)

    it("uses the refresh token for --force, without asking the person again", function()
      ada:person("me", true)
      local first = get("-p me")
      assert.not_equal(first, get("-p me --force"))
      assert.equal(1, refreshes())
      assert.equal(1, provider.requests("devicecode"))
    end)

    it("asks the person again for --flow with --force", function()
      ada:person("me", true)
      local result = ada:must("entra-auth-cli get-token -p me --flow device-code --force")
      assert.matches("enter the code", result.err)
      assert.equal(0, refreshes())
      assert.equal(2, provider.requests("devicecode"))
    end)

    it("keeps a rotated refresh token even with --no-cache, but not the access token", function()
      provider.settings { rotation = "strict" }
      ada:person("me", true)
      local kept = get("-p me")
      local unkept = get("-p me --force --no-cache")
      assert.not_equal(kept, unkept)
      assert.equal(kept, get("-p me"))
      -- With strict rotation, the old refresh token would now revoke everything.
      get("-p me --force")
      get("-p me --force")
      assert.equal(3, refreshes())
    end)

    it("gets a token for another resource by the same refresh token", function()
      ada:person("me", true)
      local vault = get(("-p me -s %s/user_impersonation"):format(VAULT))
      assert.equal(VAULT, claims(vault).aud)
      assert.equal(1, provider.requests("devicecode"))
    end)

    it("takes scopes separated by spaces or commas, in any order and case", function()
      ada:person("me", true, "User.Read Mail.Read")
      local token = get("-p me")
      assert.equal(token, get("-p me -s 'mail.read,user.read'"))
      assert.equal(token, get("-p me -s Mail.Read"))
      assert.equal(1, provider.requests("token"))
    end)

    it("hands out a token that is about to expire where the network is away", function()
      ada:person("me", true)
      local first = get("-p me")
      provider.fault { kind = "reset", endpoint = "token" }
      assert.equal(first, expect.token(later("56m", "-p me")))
      expect.failure(later("2h", "-p me"), 4)
    end)

    for _, spelling in ipairs { "device-code", "DeviceCode", "device_code", "DEVICECODE" } do
      it("understands --flow " .. spelling, function()
        ada:person("me", true)
        assert.equal(get("-p me"), get("-p me -f " .. spelling))
      end)
    end

    it("never answers an app's flow with a person's token", function()
      ada:person("me", true)
      local result = ada:run(
        "entra-auth-cli get-token -p me -f client-credentials -s https://graph.microsoft.com/.default")
      expect.failure(result, 3)
      assert.equal(1, provider.requests("token"))
    end)

    it("works without a refresh token, and warns that there is none", function()
      provider.settings { omit_refresh_token = true, auto_approve = true, device_interval = 0 }
      ada:person("me")
      local result = ada:must("entra-auth-cli get-token -p me")
      assert.matches("Warning: the server gave no refresh token: include the offline_access scope\n$", result.err)
      assert.equal(result.out, get("-p me") .. "\n")
    end)
  end)

  describe("chooses its exit status:", function()
    local USAGE = {
      { "--nope", "unknown option '--nope'" },
      { "-p", "option '-p' requires an argument" },
      { "-o xml", "argument for option '-o' must be one of 'token', 'json', 'header', 'env'" },
      { "extra", "too many arguments" },
      { "-p production -f bogus", "unknown flow 'bogus'",
        "use client-credentials, interactive, device-code or authorization-code" },
      { "-p production -f managed-identity", "the flow 'managed-identity' is not available in this version" },
      { "-p production -f interactive,client-credentials",
        "the flows 'interactive' and 'client-credentials' do not give the same token" },
      { "-p production --port 0", "'0' is not a port" },
      { "-p production --claims nonsense", "the claims challenge is not a JSON object" },
      { "-p production --tenant a/b", "tenant 'a/b' is neither a GUID nor a domain" },
      { "-p production -s User.Read", "client credentials take exactly one scope, a resource's '/.default'",
        "use the scope 'https://graph.microsoft.com/.default'" },
      { "-p production -f device-code -s 'User.Read https://vault.azure.net/user_impersonation'",
        "^a token is for one resource, but the scopes name two: " },
    }
    for _, time in ipairs { "0", "''", "abc", "1.5", "30x", "2d", "99999", "1m30s", "' 5'", "1e3" } do
      USAGE[#USAGE + 1] = { "-p production --timeout " .. time,
        ("'%s' is not a time such as 30s or 2m"):format((time:gsub("'", ""))) }
    end
    for _, case in ipairs(USAGE) do
      it("1 for " .. case[1], function()
        ada:daemon("production")
        expect.failure(ada:run("entra-auth-cli get-token " .. case[1]), 1, case[2], case[3])
        assert.equal(0, provider.requests("token"))
      end)
    end

    it("1 for a mistyped command, whose name it guesses", function()
      expect.failure(ada:run("entra-auth-cli get-tokn"), 1, "unknown command 'get-tokn'", "did you mean 'get-token'?")
    end)

    it("2 for a profile that does not exist", function()
      ada:daemon("production")
      expect.failure(ada:run("entra-auth-cli get-token -p prodcution"), 2, "profile 'prodcution' not found",
        "entra-auth-cli config list")
      assert.equal(0, provider.requests("token"))
    end)

    it("3 for a wrong secret, with what Microsoft's support asks for", function()
      ada:daemon("production", "daemon", "Wrong~secret")
      local said = expect.failure(ada:run("entra-auth-cli get-token -p production"), 3,
        "^localhost:%d+ refused the request %(invalid_client%): AADSTS7000215: Invalid client secret provided%.",
        "^check the client secret",
        "^AADSTS7000215, correlation %x+%-%x+%-%x+%-%x+%-%x+, trace %x+%-%x+%-%x+%-%x+%-%x+, %d+%-%d+%-%d+ [%d:]+Z$")
      assert.is_nil(said.error:find("Wrong~secret", 1, true))
    end)

    it("3 for an expired secret", function()
      ada:daemon("old", "expired")
      expect.failure(ada:run("entra-auth-cli get-token -p old"), 3, "^localhost:%d+ refused .* AADSTS7000222: ",
        "^check the client secret", "^AADSTS7000222, correlation ")
    end)

    it("3 for an app that does not exist", function()
      ada:must(("printf s | entra-auth-cli config create -n ghost --tenant %s --client-id %s --client-secret-stdin")
        :format(ada.idp.tenant, "00000000-0000-4000-8000-00000000dead"))
      expect.failure(ada:run("entra-auth-cli get-token -p ghost"), 3, "^.*AADSTS700016: ", nil, "^AADSTS700016, ")
    end)

    it("4 where nobody listens", function()
      ada:daemon("production")
      expect.failure(ada:run("entra-auth-cli get-token -p production", nil, { HTTPS_PROXY = "http://127.0.0.1:9" }), 4)
    end)

    for _, time in ipairs { "1", "1s" } do
      it("5 where the provider does not answer within --timeout " .. time, function()
        ada:daemon("production")
        provider.fault { kind = "hang", endpoint = "token" }
        expect.failure(ada:run("entra-auth-cli get-token -p production --timeout " .. time), 5, nil,
          "try again, or allow more time with --timeout", false)
      end)
    end

    it("1 where standard output cannot be written", function()
      ada:daemon("production")
      expect.failure(ada:run("entra-auth-cli get-token -p production >/dev/full"), 1,
        "cannot write to standard output: No space left on device", "see where it is redirected to", false)
    end)
  end)

  it("explains itself on stdout, with examples", function()
    local result = ada:must("entra-auth-cli get-token --help")
    assert.equal("", result.err)
    assert.matches("^Usage: entra%-auth%-cli get%-token ", result.out)
    for _, word in ipairs { "--profile", "--scope", "--flow", "--output", "--force", "--no-cache", "--timeout",
      "Examples:", "TOKEN=$(entra-auth-cli get-token -p production)" } do
      assert.is_truthy(result.out:find(word, 1, true), word .. " is missing")
    end
  end)

  it("names its versions", function()
    local result = ada:must("entra-auth-cli --version")
    assert.matches("^entra%-auth%-cli %S+ %(.*Lua.*, libcurl/[%d.]+, OpenSSL [%w.]+.*%)\n$", result.out)
  end)
end)
