local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

-- Waits for something to become true, but not for ever.
local UNTIL = 'until_true() { for _ in {1..1000}; do eval "$1" && return; sleep 0.02; done; exit 99; }\n'

-- In the background until the code is shown; then whatever the test does; then `wait $pid`.
local START = UNTIL .. [[
set -m
entra-auth-cli get-token -p me %s >$HOME/out 2>$HOME/err &
pid=$!
until_true "grep -q 'The code is valid' $HOME/err"
act() { curl -sS -X POST -H 'Content-Type: application/json' -d "${2:-{\}}" $CONTROL/$1 >/dev/null; }
polled() { until_true '[ "$(curl -s $CONTROL/counters | jq .requests.token)" -ge '$1' ]'; }
]]
local FINISH = "\nwait $pid; status=$?; cat $HOME/out; cat $HOME/err >&3; exit $status"

describe("signing in by device code", function()
  local ada

  before_each(function()
    provider.reset()
    provider.settings { device_interval = 1 }
    ada = user.new()
    ada:person("me")
    ada.environment.CONTROL = ada.idp.control
  end)

  after_each(function()
    ada:remove()
  end)

  -- `set -m` makes the shell tell about jobs on its own stderr; the CLI's goes through descriptor 3.
  local function sign_in(act, arguments, environment)
    local script = START:format(arguments or "") .. act .. FINISH
    return ada:run(("{ %s\n} 3>&2 2>/dev/null"):format(script), nil, environment)
  end

  -- The prompt, and what came after it.
  local function split(result)
    local prompt, rest = result.err:match("^(.-yourself%.\n)(.*)$")
    assert.is_string(prompt, result.err)
    return prompt, rest
  end

  -- As `expect.failure`, after the prompt.
  local function fails(result, status, ...)
    local _, rest = split(result)
    return expect.failure({ out = result.out, err = rest, status = result.status }, status, ...)
  end

  it("shows the address and the code on stderr, and prints the token once the person has approved", function()
    local result = sign_in("curl -s $CONTROL/device >$HOME/device; polled 1; act device/approve")
    local device = json.decode(ada:must("cat $HOME/device").out)[1]
    assert.equal(0, result.status)
    local prompt, rest = split(result)
    expect.harmless(prompt)
    assert.equal("", rest)
    assert.matches("\n    " .. ada.idp.base:gsub("%p", "%%%0") .. "/devicelogin\n", prompt)
    assert.matches("\n    " .. device.user_code:gsub("%p", "%%%0") .. "\n", prompt)
    assert.matches(ada.idp.clients.public.client_id:gsub("%p", "%%%0"), prompt)
    assert.matches("valid for 15 minutes", prompt)
    assert.matches("^eyJ[%w_-]+%.[%w_-]+%.[%w_-]+\n$", result.out)
  end)

  it("asks for what the profile says, and for a refresh token", function()
    sign_in("act device/approve")
    for _, request in ipairs(provider.control("GET", "/requests")) do
      if request.endpoint == "devicecode" then
        assert.equal("User.Read offline_access openid profile", request.form.scope)
      end
    end
    expect.token(ada:run("entra-auth-cli refresh -p me"))
  end)

  it("gets the token of whoever approved", function()
    local result = sign_in([[act device/approve '{"user":"bob@contoso.com"}']], "-o json")
    local claims = require("entra.jwt").decode(json.decode(result.out).access_token).claims
    assert.equal("bob@contoso.com", claims.upn)
  end)

  it("is done once: the next token comes from the cache", function()
    local result = sign_in("act device/approve")
    local requests = provider.requests("token")
    assert.equal(result.out, ada:must("entra-auth-cli get-token -p me").out)
    assert.equal(requests, provider.requests("token"))
  end)

  it("exits 3 where the person declines", function()
    fails(sign_in("act device/decline"), 3, "the sign-in was declined", "run the command again to start over")
  end)

  it("exits 3 where the code expires", function()
    fails(sign_in("act device/expire"), 3, "the code expired before anybody signed in",
      "run the command again for a new code")
  end)

  it("exits 3 where the code's life is over, whatever the server says", function()
    provider.settings { device_ttl = 2 }
    provider.fault { kind = "json", status = 400, body = { error = "authorization_pending" }, endpoint = "token" }
    fails(sign_in(""), 3, "the code expired before anybody signed in", "run the command again for a new code")
  end)

  it("exits 5 where --timeout is over, and stores nothing", function()
    fails(sign_in("", "--timeout 1s"), 5, "timed out waiting for the sign-in",
      "run the command again, or allow more time with --timeout")
    expect.failure(ada:run("entra-auth-cli refresh -p me"), 3)
  end)

  it("exits 3 where the app may not do this", function()
    provider.fault { kind = "json", status = 400, endpoint = "devicecode",
      body = { error = "unauthorized_client", error_description = "AADSTS7000218: no", error_codes = { 7000218 } } }
    expect.failure(ada:run("entra-auth-cli get-token -p me"), 3, "^.* refused the request %(unauthorized_client%)", nil,
      "^AADSTS7000218")
  end)

  it("polls no faster than the server allows", function()
    provider.settings { enforce_interval = true }
    local result = sign_in("polled 3; act device/approve")
    assert.equal(0, result.status)
    local last
    for _, request in ipairs(provider.control("GET", "/requests")) do
      if request.endpoint == "token" then
        local seconds = ada:must("date -d " .. request.time .. " +%s.%N").out
        assert.is_true(not last or seconds - last >= 0.99, "polled too soon")
        last = seconds
      end
    end
  end)

  it("polls five seconds slower when it is told to slow down", function()
    provider.fault { kind = "json", status = 400, body = { error = "slow_down" }, endpoint = "token", times = 1 }
    local result = sign_in("polled 1; act device/approve")
    assert.equal(0, result.status)
    local times = {}
    for _, request in ipairs(provider.control("GET", "/requests")) do
      if request.endpoint == "token" then
        times[#times + 1] = tonumber(ada:must("date -d " .. request.time .. " +%s.%N").out)
      end
    end
    assert.equal(2, #times)
    assert.is_true(times[2] - times[1] >= 5.9, "polled too soon")
  end)

  for _, fault in ipairs { { kind = "reset" }, { kind = "html_error" }, { kind = "truncate" },
    { kind = "status", status = 503 }, { kind = "status", status = 429, retry_after = 1 } } do
    it(("goes on polling while the network is away: %s %s"):format(fault.kind, fault.status or ""), function()
      fault.endpoint, fault.times = "token", 1
      provider.fault(fault)
      local result = sign_in("polled 1; act device/approve")
      assert.equal(0, result.status)
      assert.matches("^eyJ", result.out)
      local _, rest = split(result)
      assert.equal("", rest)
    end)
  end

  it("goes on where the machine's clock is set back by a day meanwhile", function()
    local script = START:gsub("\nentra%-auth%-cli", "\necho '+0d' >$FAKETIME_TIMESTAMP_FILE; faketime_cli", 1)
    script = [[
      faketime_cli() {
        exec timeout 60 env LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) entra-auth-cli "$@"
      }
      ]] .. script:format("") .. [[
      polled 1
      echo '-1d' >$HOME/set && mv $HOME/set $FAKETIME_TIMESTAMP_FILE
      act device/approve]] .. FINISH
    local result = ada:run(("{ %s\n} 3>&2 2>/dev/null"):format(script), nil, { FAKETIME_NO_CACHE = "1",
      FAKETIME_DONT_FAKE_MONOTONIC = "1", DONT_FAKE_MONOTONIC = "1",
      FAKETIME_TIMESTAMP_FILE = ada.home .. "/clock" })
    assert.equal(0, result.status, result.err)
    assert.matches("^eyJ", result.out)
  end)

  it("shows nothing that a terminal would act on, whatever the server sends", function()
    provider.fault { kind = "json", endpoint = "devicecode", body = { device_code = "d", expires_in = 2, interval = 1,
      user_code = "\27[2JAB\194\155\n\nC", verification_uri = "https://x.example/\27]0;owned\7\226\128\174",
      message = "\27[31mgo" } }
    local result = ada:run("entra-auth-cli get-token -p me")
    assert.equal("", result.out)
    assert.is_true(result.status == 3 or result.status == 4, result.err)
    expect.harmless(result.err)
  end)

  for _, case in ipairs {
    { "without a code", { device_code = "d", verification_uri = "https://x.example", expires_in = 9 } },
    { "without an address", { device_code = "d", user_code = "ABC", expires_in = 9 } },
    { "without a life", { device_code = "d", user_code = "ABC", verification_uri = "https://x.example" } },
  } do
    it("exits 4 for an answer " .. case[1], function()
      provider.fault { kind = "json", endpoint = "devicecode", body = case[2] }
      expect.failure(ada:run("entra-auth-cli get-token -p me --timeout 2s"), 4)
      assert.equal(0, provider.requests("token"))
    end)
  end

  describe("can be cancelled:", function()
    local function is_untouched()
      assert.equal("", ada:must("find $HOME -name '*.rec*' -o -name '*.tmp' -o -name '*.note'").out)
    end

    for signal, status in pairs { INT = 130, TERM = 143 } do
      it(("SIG%s while waiting for the person gives %d, 'Cancelled', and leaves nothing behind"):format(
        signal, status), function()
        local result = sign_in("kill -" .. signal .. " $pid")
        assert.equal(status, result.status)
        assert.equal("", result.out)
        local _, rest = split(result)
        assert.equal("Cancelled\n", rest)
        is_untouched()
      end)
    end

    it("in the middle of a request", function()
      provider.fault { kind = "hang", endpoint = "token" }
      local result = sign_in("polled 1; kill -INT $pid")
      assert.equal(130, result.status)
      local _, rest = split(result)
      assert.equal("Cancelled\n", rest)
      is_untouched()
    end)

    it("Ctrl-C at the terminal, which keeps its echo", function()
      local result = ada:run(UNTIL .. [[
        mkfifo $HOME/keys
        script -qfec 'entra-auth-cli get-token -p me; echo "status $?"; stty -a' $HOME/seen <$HOME/keys >/dev/null &
        exec 4>$HOME/keys
        until_true "grep -q 'The code is valid' $HOME/seen"
        printf '\003' >&4
        until_true "grep -q opost $HOME/seen"
        exec 4>&-
        wait
        cat $HOME/seen]], nil, { SHELL = "/bin/bash" })
      assert.matches("Cancelled\r\n", result.out)
      assert.matches("[ ;]echo[ ;\r]", result.out)
      is_untouched()
    end)

    describe("once signed in,", function()
      before_each(function()
        provider.settings { auto_approve = true }
        ada:must("entra-auth-cli get-token -p me")
        provider.fault { kind = "hang", endpoint = "token", times = 1 }
      end)

      -- The first refresh hangs in its request; `interrupt` is what happens then. What counts is in $HOME/1 and 2.
      local function refresh(interrupt)
        local script = UNTIL .. [[
          set -m
          before=$(curl -s $CONTROL/counters | jq .requests.token)
          entra-auth-cli refresh -p me >$HOME/1 2>$HOME/2 & first=$!
          until_true '[ "$(curl -s $CONTROL/counters | jq .requests.token)" -gt $before ]'
          ]] .. interrupt .. "\ncat $HOME/1; cat $HOME/2 >&3; exit $status"
        return ada:run(("{ %s\n} 3>&2 2>/dev/null"):format(script))
      end

      it("a refresh, whose refresh token stays good", function()
        local result = refresh("kill -INT $first; wait $first; status=$?")
        assert.same({ out = "", err = "Cancelled\n", status = 130 }, result)
        expect.token(ada:run("entra-auth-cli refresh -p me"))
      end)

      it("a process that waits for another's exchange", function()
        local result = refresh([[
          entra-auth-cli refresh -p me >$HOME/3 2>$HOME/4 & second=$!
          until_true "ls -l /proc/$second/fd | grep -q '\.lock'"
          kill -INT $second; wait $second; status=$?
          kill -INT $first; wait $first
          mv $HOME/3 $HOME/1; mv $HOME/4 $HOME/2]])
        assert.same({ out = "", err = "Cancelled\n", status = 130 }, result)
      end)
    end)
  end)

  describe("counts down", function()
    local function on_terminal(environment)
      provider.settings { auto_approve = true }
      return ada:must("script -qec 'entra-auth-cli get-token -p me' /dev/null", nil, environment).out
    end

    it("on a terminal, and takes the countdown away before the token", function()
      local text = on_terminal { TERM = "xterm" }
      assert.matches("\rWaiting for the sign%-in: 1[45]:%d%d left", text)
      -- The page and the code stand in a box, whose lines are equally long.
      local box = {}
      for line in text:gmatch("\n(  [+|][^\r\n]*)\r") do
        box[#box + 1] = line
        assert.equal(#box[1], #line)
      end
      assert.equal(4, #box, text)
      assert.matches("|  https://localhost:%d+/devicelogin +|", box[2])
      assert.matches("|  [A-Z0-9]+ +|", box[3])
      assert.matches("\r +\reyJ[%w_.-]+\r\n$", text)
    end)

    for name, environment in pairs { ["TERM is dumb"] = { TERM = "dumb" }, ["NO_COLOR is set"] = { TERM = "xterm",
      NO_COLOR = "1" } } do
      it("not where " .. name, function()
        local text = on_terminal(environment)
        assert.matches("yourself%.\r\neyJ[%w_.-]+\r\n$", text)
        assert.is_nil(text:find("Waiting", 1, true))
        assert.is_nil(text:find("  +-", 1, true))
      end)
    end

    it("not where stderr is no terminal", function()
      provider.settings { auto_approve = true }
      ada:must("script -qec 'entra-auth-cli get-token -p me 2>$HOME/err' /dev/null", nil, { TERM = "xterm" })
      local text = ada:must("cat $HOME/err").out
      expect.harmless(text)
      assert.is_nil(text:find("Waiting", 1, true))
    end)
  end)

  it("happens anew on a terminal where the refresh token was refused", function()
    provider.settings { auto_approve = true }
    ada:must("entra-auth-cli get-token -p me")
    provider.control("POST", "/revoke", {})
    ada:run("entra-auth-cli refresh -p me")
    local text = ada:must("script -qec \"faketime -f '+2h' entra-auth-cli get-token -p me\" /dev/null").out
    assert.matches("and enter the code", text)
    assert.matches("\neyJ[%w_.-]+\r\n$", text)
    expect.token(ada:run("entra-auth-cli refresh -p me"))
  end)
end)
