local core = require("entra.core")
local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

-- A token of anybody's making; `claims` is a table or JSON text.
local function forge(claims, header)
  local function part(value)
    return core.base64url_encode(type(value) == "string" and value or json.encode(value))
  end
  return ("%s.%s.c2ln"):format(part(header or { alg = "none", typ = "JWT" }), part(claims))
end

local GOOD = forge { sub = "me", exp = 32503680000 }
local OLD = forge { sub = "old", exp = 1000000000 }

describe("inspect", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:stand_in("claim", "#!/bin/bash\nentra-auth-cli inspect -o json \"$@\" | jq -r .sub\n")
  end)

  after_each(function()
    ada:remove()
  end)

  local function run(arguments, stdin)
    return ada:run("entra-auth-cli inspect " .. (arguments or ""), stdin)
  end

  describe("takes the token from", function()
    for _, case in ipairs {
      { "an argument", "claim " .. GOOD },
      { "--token", "claim --token " .. GOOD },
      { "--file", ("echo %s >$HOME/token; claim --file $HOME/token"):format(GOOD) },
      { "standard input, asked for with '-'", ("echo %s | claim -"):format(GOOD) },
      { "a pipe, where nothing is named", ("echo %s | claim"):format(GOOD) },
      { "a file on standard input, where nothing is named", ("echo %s >$HOME/token; claim <$HOME/token"):format(GOOD) },
      { "a header's value, 'Bearer' and all", ("claim 'Bearer %s'"):format(GOOD) },
      { "a pipe with 'bearer' in it", ("printf 'bearer   %s\\r\\n' | claim -"):format(GOOD) },
    } do
      it(case[1], function()
        assert.same({ out = "me\n", err = "", status = 0 }, ada:run(case[2]))
      end)
    end

    it("a profile named by -p, leaving standard input alone", function()
      ada:daemon("production")
      ada:must("entra-auth-cli get-token -p production")
      local result = ada:must(("echo %s | (claim -p production; cat)"):format(OLD))
      assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+\n" .. OLD:gsub("%p", "%%%0") .. "\n$", result.out)
    end)

    it("the current profile, where standard input has nothing to give", function()
      ada:daemon("default")
      local token = ada:must("entra-auth-cli get-token").out
      local sub = require("entra.jwt").decode(token).claims.sub
      for _, script in ipairs { "claim </dev/null", "printf '' | claim", ": >$HOME/empty; claim <$HOME/empty",
        "echo | claim", "claim <&-" } do
        assert.same({ script, sub .. "\n" }, { script, ada:run(script).out })
      end
      local terminal = ada:must([[
        script -qec 'entra-auth-cli inspect -o json >$HOME/seen' /dev/null && jq -r .sub $HOME/seen]])
      assert.equal(sub .. "\n", terminal.out)
      assert.equal(1, provider.requests("token"))
    end)

    it("the profile's token for another resource with -s", function()
      ada:daemon("default")
      ada:must("entra-auth-cli get-token -s https://vault.azure.net/.default")
      expect.failure(run("-p default"), 3)
      assert.matches('"aud":"https://vault.azure.net"', run("-s https://vault.azure.net/.default -o json").out)
    end)

    it("a person's profile", function()
      ada:person("me", true)
      assert.matches('"upn":"ada@contoso.com"', run("-p me -o json").out)
    end)
  end)

  -- Standard input of a loop's body is the loop's own pipe: a bare `inspect` is meant to read it.
  it("reads the rest of a loop's input where nothing is named, and none of it with -p", function()
    ada:daemon("default")
    ada:must("entra-auth-cli get-token")
    local loop = [[
      printf '%%s\n' one two three | while read -r line; do
        echo $line
        entra-auth-cli inspect %s >/dev/null
      done]]
    assert.equal("one\ntwo\nthree\n", ada:must(loop:format("-p default")).out)
    assert.equal("one\ntwo\nthree\n", ada:must(loop:format("</dev/null")).out)
    local bare = ada:run(loop:format(""))
    assert.equal("one\n", bare.out)
    assert.equal(4, bare.status)
  end)

  it("answers jq's .exp, .claims.exp and .payload.exp alike", function()
    ada:daemon("production")
    ada:must("entra-auth-cli get-token -p production")
    local result = ada:must([[
      entra-auth-cli inspect -p production --output json >$HOME/seen
      for path in .exp .claims.exp .payload.exp; do jq -r $path $HOME/seen; done]])
    local one, two, three = result.out:match("^(%d+)\n(%d+)\n(%d+)\n$")
    assert.is_string(one)
    assert.same({ one, one }, { two, three })
  end)

  it("writes header, claims, payload, signature, expires_in and every claim as JSON", function()
    local object = json.decode(run(GOOD .. " -o json").out)
    assert.same({ alg = "none", typ = "JWT" }, object.header)
    assert.same({ sub = "me", exp = 32503680000 }, object.claims)
    assert.same(object.claims, object.payload)
    assert.equal("c2ln", object.signature)
    assert.equal("me", object.sub)
    assert.is_true(object.expires_in > 1e9)
  end)

  it("lets no claim stand in for what it says itself", function()
    local token = forge { header = "h", claims = "c", payload = "p", signature = "s", expires_in = "e",
      exp = 32503680000 }
    local object = json.decode(run(token .. " -o json").out)
    assert.same({ alg = "none", typ = "JWT" }, object.header)
    assert.equal("c", object.claims.claims)
    assert.equal("c2ln", object.signature)
    assert.is_number(object.expires_in)
  end)

  it("prints one part alone with --claims and --header", function()
    assert.same({ sub = "me", exp = 32503680000 }, json.decode(run(GOOD .. " -o json --claims").out))
    assert.same({ alg = "none", typ = "JWT" }, json.decode(run(GOOD .. " -o json --header").out))
    assert.matches("^Claims\n  exp .*\n  sub +me\n$", run(GOOD .. " --claims").out)
    assert.equal("Header\n  alg            none\n  typ            JWT\n", run(GOOD .. " --header").out)
  end)

  it("shows people times, permissions, and that nothing is verified", function()
    local result = run(forge { exp = 32503680000, iat = 1700000000, scp = "User.Read Mail.Read", roles = { "A", "B" } })
    assert.equal(0, result.status)
    assert.matches("^JWT, none; decoded, NOT verified\n", result.out)
    assert.matches("\n  iat +1700000000 %(2023%-11%-14T22:13:20Z%)\n", result.out)
    assert.matches("\n  roles\n    %- A\n    %- B\n", result.out)
    assert.matches("\n  scp\n    %- User.Read\n    %- Mail.Read\n", result.out)
    assert.matches("\nValid for: %d+ days\n$", result.out)
  end)

  describe("chooses its exit status:", function()
    for _, case in ipairs {
      { "0 for a token without expiry", { sub = "x" }, 0, "\nValid: no expiry\n$" },
      { "1 for an expired one, which it still shows", { sub = "x", exp = 1000000000 }, 1,
        "\nExpired: %d+ days ago\n$" },
      { "1 for one that is not valid yet", { sub = "x", nbf = 32503680000 }, 1,
        "\nNot valid yet: in %d+ days\n$" },
    } do
      it(case[1], function()
        local result = run(forge(case[2]))
        assert.equal("", result.err)
        assert.equal(case[3], result.status)
        assert.matches("  sub +x\n", result.out)
        assert.matches(case[4], result.out)
      end)
    end

    it("1 for a profile's token once it has expired, still shown", function()
      ada:daemon("production")
      ada:must("entra-auth-cli get-token -p production")
      local result = ada:run("faketime -f '+2h' entra-auth-cli inspect -p production")
      assert.equal(1, result.status)
      assert.matches("appid +c0f1de47", result.out)
      assert.matches("\nExpired: 1 hour ago\n$", result.out)
      result = ada:run("faketime -f '+2h' entra-auth-cli inspect -p production -o json")
      assert.equal(1, result.status)
      assert.is_true(json.decode(result.out).expires_in < 0)
      assert.equal(1, provider.requests("token"))
    end)

    it("0 where the issuer's clock is up to five minutes ahead, 1 beyond", function()
      ada:daemon("production")
      ada:must("entra-auth-cli get-token -p production")
      assert.equal(0, ada:run("faketime -f '-4m' entra-auth-cli inspect -p production").status)
      assert.equal(1, ada:run("faketime -f '-6m' entra-auth-cli inspect -p production").status)
    end)

    it("2 for a profile that does not exist", function()
      expect.failure(run("-p nobody"), 2, "profile 'nobody' not found", "entra-auth-cli config list")
    end)

    it("3 for a profile without a token", function()
      ada:daemon("production")
      expect.failure(run("-p production"), 3, "no token available for profile 'production'",
        "entra-auth-cli get-token --profile production")
      assert.equal(0, provider.requests("token"))
    end)

    local FORMAT = "invalid token format: "
    for _, case in ipairs {
      { "a token with one dot", "0.ARoAv4j5cvGGr" .. ("x"):rep(40),
        FORMAT .. "a JWT has three parts separated by dots" },
      { "a token without a dot", "EwBwA8l6BAAU", "this token is opaque: only the API it is for can read it" },
      { "an encrypted token", "a.b.c.d.e", "this token is encrypted (JWE): only the API it is for can read it" },
      { "an empty one", "''", FORMAT .. "the token is empty" },
      { "parts that are not base64url", "'e30.e+0=.x'", "^invalid token format: not base64url" },
      { "parts that are not JSON", core.base64url_encode("{") .. ".e30.x" },
      { "a header that is an array", ("%s.e30.x"):format(core.base64url_encode("[]")),
        FORMAT .. "header and claims must be JSON objects" },
      { "claims that are a number", ("e30.%s.x"):format(core.base64url_encode("5")),
        FORMAT .. "header and claims must be JSON objects" },
      { "claims that are not UTF-8 JSON", ("e30.%s.x"):format(core.base64url_encode("\0\255\1")) },
      { "claims nested too deep", ("e30.%s.x"):format(core.base64url_encode(('{"a":'):rep(40) .. "1" .. ("}"):rep(40))),
        FORMAT .. "header and claims must be JSON objects" },
    } do
      it("4 for " .. case[1], function()
        expect.failure(run(case[2]), 4, case[3])
      end)
    end

    it("4 for claims nested without end, a megabyte of them", function()
      local deep = core.base64url_encode(("["):rep(700000))
      expect.failure(run("-", "e30." .. deep .. ".x"), 4, FORMAT .. "header and claims must be JSON objects")
    end)

    it("4 for more than a megabyte", function()
      expect.failure(ada:run("head -c 3000000 /dev/zero | tr '\\0' a | entra-auth-cli inspect -"), 4,
        "invalid token format: longer than any token (1 MiB)")
    end)

    for _, case in ipairs {
      { "--file /nonexistent", "cannot read /nonexistent" },
      { "--nope", "unknown option '--nope'" },
      { "-o xml", "argument for option '-o' must be one of 'pretty', 'json'" },
      { "one two", "too many arguments" },
    } do
      it("1 for " .. case[1], function()
        expect.failure(run(case[1]), 1, case[2])
      end)
    end
  end)

  describe("never passes on what a terminal would act on:", function()
    local HOSTILE = "x\27]0;owned\7\27[2J\r\n\8\127\194\155\194\133\226\128\174\226\129\166\226\128\168\216\156y"
    for _, case in ipairs {
      { "in a claim's value", { evil = HOSTILE } },
      { "in a claim's name", { [HOSTILE] = 1 } },
      { "in a permission", { scp = HOSTILE, roles = { HOSTILE } } },
      { "in a time", { exp = HOSTILE, nbf = HOSTILE } },
      { "in a nested member", { deep = { { [HOSTILE] = { HOSTILE } } } } },
      { "in the header", { sub = "x" }, { alg = HOSTILE, [HOSTILE] = HOSTILE } },
    } do
      it(case[1], function()
        local token = forge(case[2], case[3])
        for _, format in ipairs { "pretty", "json" } do
          for _, part in ipairs { "", "--claims", "--header" } do
            local result = run(("%s -o %s %s"):format(token, format, part))
            assert.equal("", result.err)
            assert.equal(0, result.status)
            expect.harmless(result.out)
            if format == "json" then
              assert.is_table((json.decode(result.out)))
            end
          end
        end
      end)
    end

    it("JSON keeps every claim's meaning", function()
      local object = json.decode(run(forge { evil = HOSTILE } .. " -o json").out)
      assert.equal(HOSTILE, object.evil)
    end)

    it("pretty puts each claim on a line of its own", function()
      local result = run(forge { evil = "x\nValid for: 99 days", exp = 1000000000 })
      assert.matches("\n  evil +x\\u000aValid for: 99 days\n", result.out)
      assert.equal(1, result.status)
    end)

    it("nor in what it complains about", function()
      for _, text in ipairs { "\27[31m.b.c", "a\194\155b.c", "\226\128\174" } do
        expect.failure(ada:run("entra-auth-cli inspect " .. shell.quote(text)), 4)
      end
      expect.failure(ada:run("entra-auth-cli inspect --file $'/nope\\e[31m'"), 1)
      expect.failure(ada:run("entra-auth-cli inspect -p $'no\\e[31mpe\\n'"), 2)
    end)
  end)

  for _, exp in ipairs { "1e400", "-1e400", "1e300", "-5", "true", "null", "[]", '"soon"', "99999999999999999999" } do
    it("stays calm where exp is " .. exp, function()
      for _, format in ipairs { "pretty", "json" } do
        local result = run(("%s -o %s"):format(forge('{"exp":' .. exp .. "}"), format))
        assert.equal("", result.err)
        assert.is_true(result.status == 0 or result.status == 1)
        assert.matches("exp", result.out)
      end
    end)
  end
end)
