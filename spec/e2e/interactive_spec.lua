-- Signing in through a browser: the installed CLI, the provider's own pages, and everything that can go wrong
-- between them. The browser is curl, except in browser_spec.
local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local CURL = user.BROWSER
local ELSEWHERE = shell.capture("pwd") .. "/spec/support/browser/elsewhere.sh"
local UNTIL = 'until_true() { for _ in {1..1000}; do eval "$1" && return; sleep 0.02; done; exit 99; }\n'

-- For a $BROWSER that answers in the provider's stead: $redirect (with its port) and $state of the address.
local READ_URL = [[#!/bin/bash
decode() { local v=${1//+/ }; printf '%b' "${v//%/\\x}"; }
field() { decode "$(grep -oP "(?<=[?&]$2=)[^&]*" <<<"$1")"; }
redirect=$(field "$1" redirect_uri) state=$(field "$1" state)
answer() { curl -sS -o ~/page -D ~/head -w '%{http_code}\n' "$@" >>~/codes; }
]]

describe("signing in through a browser", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:person("me")
    ada.environment.BROWSER = CURL .. " %s"
  end)
  after_each(function() ada:remove() end)

  local function authorize()
    for _, request in ipairs(provider.control("GET", "/requests")) do
      if request.endpoint == "authorize" then
        return request.query
      end
    end
  end

  -- Standard error holds the prompt and nothing else.
  local function token_of(result)
    assert.equal(0, result.status, result.err)
    assert.matches("^Your browser was opened for the sign%-in%.", result.err)
    expect.harmless(result.err)
    return assert(result.out:match("^(eyJ[%w_-]+%.[%w_-]+%.[%w_-]+)\n$"), result.out)
  end

  -- What is said after the prompt, as `expect.failure` wants it.
  local function fails(result, ...)
    result.err = result.err:gsub("^.-\nApp [^\n]*\n", "")
    return expect.failure(result, ...)
  end

  -- A $BROWSER of our own making.
  local function browser(script)
    ada:stand_in("browser", READ_URL .. script)
    ada.environment.BROWSER = "browser"
  end

  it("prints the token, shows the page's address, and stores what comes with it", function()
    local result = ada:run("entra-auth-cli get-token -p me --flow interactive")
    local token = token_of(result)
    local url = ada:must("cat ~/browser/url").out
    assert.is_truthy(result.err:find("\n    " .. url, 1, true))
    assert.is_truthy(result.err:find(ada.idp.clients.public.client_id, 1, true))
    assert.equal(token, expect.token(ada:run("entra-auth-cli get-token -p me")))
    assert.equal(1, provider.requests("token"))
    assert.not_equal(token, expect.token(ada:run("entra-auth-cli refresh -p me")))
    assert.matches("account%s+ada@contoso.com\n", ada:must("entra-auth-cli config show -p me").out)
  end)

  it("is what a person's profile does where a browser can open", function()
    token_of(ada:run("entra-auth-cli get-token -p me"))
  end)

  it("asks with PKCE, state and nonce, for an account of the person's choice", function()
    ada:must("entra-auth-cli get-token -p me")
    local query = authorize()
    assert.equal("S256", query.code_challenge_method)
    assert.equal("select_account", query.prompt)
    assert.equal("User.Read offline_access openid profile", query.scope)
    assert.matches("^http://localhost:%d+$", query.redirect_uri)
    assert.equal(43, #query.state)
    assert.equal(43, #query.nonce)
  end)

  it("begins with --login-hint, at --tenant, with --claims, on --port and --redirect-uri", function()
    local port = shell.capture("shuf -i 20000-29999 -n 1")
    ada:must(([[entra-auth-cli get-token -p me --login-hint bob@contoso.com --port %s --tenant %s \
      --redirect-uri http://127.0.0.1 --claims '{"access_token":{"xms_cc":{"values":["cp1"]}}}']]):format(port,
      ada.idp.domain))
    local query = authorize()
    assert.equal("bob@contoso.com", query.login_hint)
    assert.equal("http://127.0.0.1:" .. port, query.redirect_uri)
    assert.equal('{"access_token":{"xms_cc":{"values":["cp1"]}}}', query.claims)
    assert.matches("^https://[^/]+/" .. ada.idp.domain .. "/", ada:must("cat ~/browser/url").out)
    -- Another directory's sign-in is another one: the profile's own is still to be made.
    expect.failure(ada:run("entra-auth-cli refresh -p me"), 3)
  end)

  it("signs in again with --force and --flow, as the account that is known", function()
    local first = token_of(ada:run("entra-auth-cli get-token -p me --flow interactive"))
    provider.reset()
    assert.not_equal(first, token_of(ada:run("entra-auth-cli get-token -p me --flow interactive --force")))
    assert.equal("ada@contoso.com", authorize().login_hint)
    assert.equal(1, provider.tokens("authorization_code"))
  end)

  it("says so when somebody else signs in, and serves the new one from then on", function()
    token_of(ada:run("entra-auth-cli get-token -p me"))
    local result = ada:run("entra-auth-cli get-token -p me -f interactive --force", nil, { WHO = "bob@contoso.com" })
    assert.equal(0, result.status)
    assert.matches("Warning: profile 'me' is now signed in as bob@contoso.com, no longer as ada@contoso.com\n$",
      result.err)
    assert.matches("account%s+bob@contoso.com\n", ada:must("entra-auth-cli config show -p me").out)
    assert.equal(result.out, ada:must("entra-auth-cli get-token -p me").out)
  end)

  it("answers a claims challenge with the refresh token, past the cached access token", function()
    local first = token_of(ada:run("entra-auth-cli get-token -p me"))
    local challenge = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}'
    local second = expect.token(ada:run("entra-auth-cli get-token -p me --claims '" .. challenge .. "'"))
    assert.not_equal(first, second)
    local form
    for _, request in ipairs(provider.control("GET", "/requests")) do
      form = request.endpoint == "token" and request.form or form
    end
    assert.equal("refresh_token", form.grant_type)
    assert.equal(challenge, form.claims)
    assert.equal(second, expect.token(ada:run("entra-auth-cli get-token -p me")))
  end)

  it("warns where the server gives no refresh token", function()
    provider.settings { omit_refresh_token = true }
    local result = ada:run("entra-auth-cli get-token -p me")
    assert.equal(0, result.status)
    assert.matches("Warning: the server gave no refresh token: include the offline_access scope\n$", result.err)
  end)

  it("shows a page that says it is done, and lets nothing in", function()
    ada:must("entra-auth-cli get-token -p me")
    ada:must("for _ in {1..500}; do [ -e ~/browser/done ] && break; sleep 0.02; done")
    local page, head = ada:must("cat ~/browser/page").out, ada:must("cat ~/browser/head").out
    assert.matches("You can close this tab", page)
    assert.is_nil(page:find("code=", 1, true))
    assert.matches("Content%-Security%-Policy: default%-src 'none'", head)
    assert.matches("Cache%-Control: no%-store", head)
  end)

  it("gives the browser no secrets of ours", function()
    ada:must("entra-auth-cli get-token -p me", nil, { AZURE_CLIENT_SECRET = "s3cret-in-env",
      AZURE_CLIENT_CERTIFICATE_PASSWORD = "s3cret-in-env", IDENTITY_HEADER = "s3cret-in-env" })
    local environment = ada:must("cat ~/browser/environment").out
    assert.is_nil(environment:find("s3cret-in-env", 1, true))
    assert.is_truthy(environment:find("HOME=", 1, true))
  end)

  describe("is refused", function()
    it("where the person presses Cancel: exit 3, in plain words on both sides", function()
      fails(ada:run("entra-auth-cli get-token -p me", nil, { WHO = "nobody" }), 3,
        "^localhost:%d+ refused the request %(access_denied%)")
      ada:must("for _ in {1..500}; do [ -e ~/browser/done ] && break; sleep 0.02; done")
      local page = ada:must("cat ~/browser/page").out
      assert.matches("refused", page)
      assert.is_nil(page:find("close this tab.-Signed in"))
      assert.equal(0, provider.requests("token"))
    end)

    it("with hostile words: none of them reaches the page, the terminal only as text", function()
      browser([[answer --get --data-urlencode "state=$state" --data-urlencode "error=access_denied" \
        --data-urlencode $'error_description=AADSTS65004: \e[2J\e]0;x\a<b>alert(1)</b>\u202e\r\nTrace ID: 1a' \
        "$redirect/"]])
      local said = fails(ada:run("entra-auth-cli get-token -p me"), 3, "^.*AADSTS65004", nil, "^AADSTS65004")
      assert.is_nil(said.error:find("Trace", 1, true))
      local page = ada:must("cat ~/page").out
      assert.is_nil(page:find("alert", 1, true))
      assert.is_nil(page:find("65004", 1, true))
    end)

    it("by Conditional Access, and goes on by the next flow with a word", function()
      browser([[answer --get --data-urlencode "state=$state" --data-urlencode "error=access_denied" \
        --data-urlencode "error_description=AADSTS53003: Access has been blocked." "$redirect/"]])
      provider.settings { auto_approve = true, device_interval = 0 }
      local result = ada:run("entra-auth-cli get-token -p me --flow interactive,device-code")
      assert.equal(0, result.status)
      assert.matches("^eyJ", result.out)
      assert.matches("Warning: interactive does not work here: .-53003.-; trying device%-code\n", result.err)
    end)
  end)

  describe("takes no answer but its own:", function()
    it("forged, missing and doubled states, other paths, hosts and methods get an error; the wait goes on", function()
      browser([[
        answer "$redirect/?code=evil&state=forged"
        answer "$redirect/?code=evil"
        answer "$redirect/?code=evil&state=$state&state=$state"
        answer "$redirect/other?code=evil&state=$state"
        answer -H 'Host: evil.example' "$redirect/?code=evil&state=$state"
        answer -X POST -d "code=evil&state=$state" "$redirect/"
        answer "$redirect/?state=$state"
        answer "$redirect/favicon.ico"
        exec ]] .. CURL .. [[ "$1"]])
      token_of(ada:run("entra-auth-cli get-token -p me"))
      for code in ada:must("cat ~/codes").out:gmatch("%d+") do
        assert.matches("^4", code)
      end
      assert.equal(1, provider.requests("token"))
    end)

    it("takes one code, and is gone afterwards", function()
      browser(CURL .. [[ "$1"; touch ~/first; answer "$redirect/?code=again&state=$state"; touch ~/second]])
      token_of(ada:run("entra-auth-cli get-token -p me"))
      ada:must(UNTIL .. "until_true '[ -e ~/second ]'; [ \"$(cat ~/codes)\" = 000 ]")
    end)

    it("a code that is not for us is refused by the provider: exit 3, nothing stored", function()
      browser([[answer --get --data-urlencode "state=$state" --data-urlencode "code=of-somebody-else" "$redirect/"]])
      fails(ada:run("entra-auth-cli get-token -p me"), 3, "^.*invalid_grant")
      assert.equal("", ada:must("find ~ -name '*.rec'").out)
    end)

    it("ten thousand junk requests do not keep the right one out", function()
      browser([[for _ in {1..10}; do
          curl -sS -Z --parallel-max 50 -o /dev/null "$redirect/?junk=[1-1000]&state=x" 2>/dev/null
        done
        exec ]] .. CURL .. [[ "$1"]])
      token_of(ada:run("entra-auth-cli get-token -p me"))
    end)

    it("nor do a hundred that say nothing and never leave", function()
      browser([[hostport=${redirect#http://}
        for _ in {1..100}; do
          { exec 3<>/dev/tcp/127.0.0.1/${hostport#*:}; printf 'GET / HT' >&3; sleep 30; } &
        done 2>/dev/null
        trap 'kill $(jobs -p)' EXIT
        ]] .. CURL .. [[ "$1"]])
      token_of(ada:run("entra-auth-cli get-token -p me"))
    end)
  end)

  for _, case in ipairs {
    { "of another type", { kind = "wrong_type" }, 4 },
    { "that is none", { kind = "json", body = { token_type = "Bearer", expires_in = 9 } }, 4 },
    { "with an id_token for somebody else", { kind = "json", body = { token_type = "Bearer", expires_in = 9,
      access_token = "a", id_token = "e30.e30.e30" } }, 3 },
    { "without an id_token", { kind = "json",
      body = { token_type = "Bearer", expires_in = 9, access_token = "a" } }, 3 },
    { "that never comes whole", { kind = "truncate" }, 4 },
  } do
    it("stores nothing of a token " .. case[1], function()
      case[2].endpoint = "token"
      provider.fault(case[2])
      fails(ada:run("entra-auth-cli get-token -p me"), case[3])
      assert.equal("", ada:must("find ~ -name '*.rec'").out)
    end)
  end

  describe("without a browser", function()
    before_each(function() ada.environment.BROWSER = nil end)

    it("and without a terminal exits 3, naming the command", function()
      expect.failure(ada:run("entra-auth-cli get-token -p me -f interactive"), 3, "^no browser could be opened",
        "entra-auth-cli get-token --profile me --flow device-code --force")
      expect.failure(ada:run("entra-auth-cli get-token -p me -f interactive", nil, { BROWSER = "/nonexistent/b" }), 3,
        "^no browser could be opened: .*/nonexistent/b")
    end)

    it("goes on by the profile's own next flow", function()
      provider.settings { auto_approve = true, device_interval = 0 }
      ada:must(("entra-auth-cli config create -n both --tenant %s --client-id %s -f Interactive,device_code"):format(
        ada.idp.tenant, ada.idp.clients.public.client_id))
      assert.matches("InteractiveBrowser,DeviceCode", shell.read(ada.profiles))
      local result = ada:run("entra-auth-cli get-token -p both")
      assert.equal(0, result.status, result.err)
      assert.matches("interactive does not work here: .-; trying device%-code", result.err)
    end)

    it("goes on by the next flow where there is one", function()
      provider.settings { auto_approve = true, device_interval = 0 }
      local result = ada:run("entra-auth-cli get-token -p me -f interactive,device-code")
      assert.equal(0, result.status)
      assert.matches("trying device%-code", result.err)
    end)

    it("only shows the address for --no-browser, and waits for whoever opens it", function()
      local result = ada:run(UNTIL .. [[
        entra-auth-cli get-token -p me -f interactive --no-browser >~/out 2>~/err &
        until_true "grep -q '^App' ~/err"
        ]] .. CURL .. [[ "$(grep -o 'https://.*' ~/err)"
        wait $!; code=$?; cat ~/out; cat ~/err >&2; exit $code]])
      assert.equal(0, result.status)
      assert.matches("^eyJ", result.out)
      assert.matches("^To sign in, open this page:", result.err)
    end)
  end)

  it("exits 5 where nobody comes", function()
    browser("")
    fails(ada:run("entra-auth-cli get-token -p me --timeout 1s"), 5, "timed out waiting for the sign-in",
      "run the command again, or allow more time with --timeout")
  end)

  it("says that the port is taken", function()
    local result = ada:run([[
      entra-auth-cli get-token -p me -f interactive --no-browser >/dev/null 2>~/err &
      for _ in {1..500}; do grep -q '^App' ~/err && break; sleep 0.02; done
      port=$(grep -oP 'localhost%3A\K[0-9]+' ~/err)
      entra-auth-cli get-token -p me -f interactive --port $port
      code=$?; kill %1; exit $code]])
    expect.failure(result, 1, "^.*in use", "leave --port out, or choose another one")
    expect.failure(ada:run("entra-auth-cli get-token -p me -f interactive --port 99999"), 1, "'99999' is not a port")
  end)

  for signal, status in pairs { INT = 130, TERM = 143 } do
    it(("SIG%s while waiting gives %d, 'Cancelled', and no listener stays"):format(signal, status), function()
      browser("touch ~/came")
      local result = ada:run(UNTIL .. ([[
        { set -m; entra-auth-cli get-token -p me >~/out 2>~/err & pid=$!
        until_true '[ -e ~/came ]'; until_true "grep -q '^App' ~/err"
        port=$(grep -oP 'localhost%%3A\K[0-9]+' ~/err)
        kill -%s $pid; wait $pid; code=$?; } 2>/dev/null
        curl -s "http://localhost:$port/" && exit 98
        tail -n 1 ~/err; find ~ -name '*.rec' -o -name '*.tmp'; exit $code]]):format(signal))
      assert.equal(status, result.status)
      assert.equal("Cancelled\n", result.out)
    end)
  end

  it("Ctrl-C ends the exchange of the code too", function()
    provider.fault { kind = "hang", endpoint = "token" }
    local result = ada:run(UNTIL .. [[
      { set -m; entra-auth-cli get-token -p me >~/out 2>~/err & pid=$!
      until_true "[ \"\$(curl -s $CONTROL/counters | jq .requests.token)\" = 1 ]"
      kill -INT $pid; wait $pid; code=$?; } 2>/dev/null
      tail -n 1 ~/err; exit $code]], nil, { CONTROL = ada.idp.control })
    assert.equal(130, result.status)
    assert.equal("Cancelled\n", result.out)
  end)

  describe("at a terminal", function()
    -- Runs in a terminal; what is typed is `answer`, a shell script that sees the screen so far in ~/screen.
    local function at_terminal(command, answer, environment)
      local result = ada:run(UNTIL .. ([[
        mkfifo ~/keys
        script -qfec %s ~/screen <~/keys >/dev/null & pid=$!
        exec 3>~/keys
        until_true "grep -q '^App' ~/screen"
        %s
        wait $pid; code=$?; exec 3>&-; cat ~/screen; exit $code]]):format(shell.quote(command), answer), nil,
        environment)
      result.out = result.out:gsub("\r", ""):gsub("^Script started[^\n]*\n", ""):gsub("\nScript done[^\n]*\n$", "\n")
      return result
    end

    it("takes the address that a browser elsewhere ended at", function()
      ada.environment.BROWSER = nil
      local result = at_terminal("entra-auth-cli get-token -p me -f interactive >~/out", [[
        url=$(tr -d '\r' <~/screen | grep -o 'https://[^ ]*' | head -1)
        printf 'what?\n' >&3
        until_true "grep -q 'Warning: that is not the address' ~/screen"
        ]] .. ELSEWHERE .. [[ "$url" >&3]])
      assert.equal(0, result.status, result.out)
      assert.matches("^eyJ", ada:must("cat ~/out").out)
      assert.matches("paste it here", result.out)
    end)

    it("takes it also for an app whose address is its own, with the app's secret", function()
      local web = ada.idp.clients.web
      ada:must(("entra-auth-cli config create -n web --tenant %s --client-id %s --client-secret-stdin "
        .. "--scope User.Read -f authorization-code --redirect-uri %s"):format(
        ada.idp.tenant, web.client_id, web.redirect_uri), web.secret)
      local result = at_terminal("entra-auth-cli get-token -p web >~/out", [[
        url=$(tr -d '\r' <~/screen | grep -o 'https://[^ ]*' | head -1)
        ]] .. ELSEWHERE .. [[ "$url" >&3]])
      assert.equal(0, result.status, result.out)
      assert.matches("^eyJ", ada:must("cat ~/out").out)
      expect.token(ada:run("entra-auth-cli refresh -p web"))
      expect.failure(ada:run("entra-auth-cli get-token -p web --force -f authorization-code"), 3,
        "nobody is here to paste the address that the browser ends at", "run the command in a terminal")
    end)

    it("Ctrl-C ends the wait for a pasted address at once, and the terminal is as it was", function()
      ada.environment.BROWSER = nil
      local result = at_terminal("entra-auth-cli get-token -p me -f interactive; echo status $?; stty -a",
        [[printf '\003' >&3]])
      assert.matches("Cancelled\n", result.out)
      assert.matches("status 130\n", result.out)
      assert.matches("[^-]icanon", result.out)
      assert.matches("[^-]echo ", result.out)
    end)
  end)
end)
