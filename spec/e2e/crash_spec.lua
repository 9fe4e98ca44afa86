-- Killed at any moment, by surprise and at every single step: what is stored stays whole, and what to do is said.
local expect = require("spec.support.expect")
local failing = require("spec.support.failing")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("a process that is killed", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:person("me", true)
  end)
  after_each(function() ada:remove() end)

  local REFRESH = "entra-auth-cli refresh -p me"

  -- Temporary files, and what was moved aside as broken.
  local function litter()
    return ada:must("cd; find .local .config -name '*.tmp' -o -name '*.broken'").out
  end

  -- What a strict provider makes of a refresh token that it has seen before, and the way out.
  local function costs_the_sign_in(what)
    local said = expect.failure(ada:run(REFRESH), 4, "refresh token expired or invalid",
      "^entra%-auth%-cli get%-token %-%-profile me %-%-flow [%w-]+ %-%-force$")
    assert.matches("refreshToken%s+refused\n", ada:must("entra-auth-cli config show -p me").out, what)
    assert.equal("", litter(), what)
    ada:must(said.hint, nil, { BROWSER = user.BROWSER })
    expect.token(ada:run(REFRESH))
  end

  it("at any of 200 random moments of a refresh loses nothing, and leaves one temporary file at most", function()
    provider.settings { rotation = "entra" }
    -- The moments are spread over the time that a refresh takes here and now. What a killed one leaves, the next
    -- removes, even if that is killed too.
    local result = ada:run([[
      started=$(date +%s%N)
      for i in 1 2 3 4 5; do entra-auth-cli refresh -p me; done >/dev/null
      span=$((($(date +%s%N) - started) / 5000))
      most=0 killed=0
      for i in $(seq 200); do
        timeout -s KILL $(printf 0.%06d $((RANDOM * span / 32768 + 1))) entra-auth-cli refresh -p me >/dev/null 2>&1
        [ $? = 137 ] && killed=$((killed + 1))
        left=$(find ~/.local -name '*.tmp' | wc -l)
        [ $left -gt $most ] && most=$left
      done 2>/dev/null
      echo "$most $killed"
      entra-auth-cli refresh -p me >/dev/null]])
    assert.equal(0, result.status, result.err)
    local most, killed = result.out:match("^(%d+) (%d+)\n$")
    assert.is_true(tonumber(most) <= 1, most .. " temporary files at a time")
    assert.is_true(tonumber(killed) > 50, "too few were killed to prove anything: " .. killed)
    assert.equal("", litter())
    assert.equal("me\n", ada:must("entra-auth-cli config list").out)
  end)

  it("before and after each single change of a refresh: the next one works, and cleans up", function()
    provider.settings { rotation = "entra" }
    local names = failing.changes(ada, REFRESH, ada.state)
    assert.is_true(#names >= 10, table.concat(names, " "))
    for at, name in ipairs(names) do
      for _, how in ipairs { "before", "after" } do
        local what = ("%s %s, number %d"):format(how, name, at)
        local result = ada:run(REFRESH, nil, failing.environment(ada.state, how, at))
        assert.equal(137, result.status, what)
        assert.equal("", result.out, what)
        expect.token(ada:run(REFRESH))
        assert.equal("", litter(), what)
      end
    end
  end)

  it("is met at every change that there is: strace sees no other", function()
    local changes, seen = failing.changes(ada, REFRESH, ada.state), {}
    local trace = ada:run("strace -f -y -qq -o ~/trace " .. REFRESH .. " >/dev/null && cat ~/trace")
    if trace.status ~= 0 or not trace.out:find(ada.state, 1, true) then
      return pending("needs the right to trace a program that hides its memory")
    end
    -- These look, or they change something in this process alone.
    local looks = {}
    for name in ("read pread64 close fstat newfstatat lstat stat access faccessat faccessat2 getdents64 lseek flock "
      .. "fcntl readlink statfs"):gmatch("%S+") do
      looks[name] = true
    end
    for line in trace.out:gmatch("[^\n]+") do
      local name = line:match("^%d+%s+([%w_]+)%(")
      if name and line:find(ada.state .. "/", 1, true) and not looks[name]
        and (name ~= "openat" or line:find("O_CREAT", 1, true) or line:find("O_WRONLY", 1, true)) then
        seen[#seen + 1] = name == "openat" and "open" or name
      end
    end
    assert.same(changes, seen)
  end)

  it("under strict rotation between answer and rename: exit 4, a remedy that works, a whole store", function()
    provider.settings { rotation = "strict" }
    local count = { earlier = 0, between = 0, later = 0 }
    local is_renamed = false
    for at, name in ipairs(failing.changes(ada, REFRESH, ada.state)) do
      for _, how in ipairs { "before", "after" } do
        local what = ("%s %s, number %d"):format(how, name, at)
        local before = provider.tokens("refresh_token")
        local result = ada:run(REFRESH, nil, failing.environment(ada.state, how, at))
        assert.equal(137, result.status, what)
        is_renamed = is_renamed or name == "rename" and how == "after"
        local is_turned = provider.tokens("refresh_token") > before
        local when = is_renamed and "later" or is_turned and "between" or "earlier"
        count[when] = count[when] + 1
        if when == "between" then
          costs_the_sign_in(what)
        else
          expect.token(ada:run(REFRESH))
          assert.equal("", litter(), what)
        end
      end
    end
    -- The lock, and the room for what will come, are taken before the request.
    assert.is_true(count.earlier >= 6, count.earlier .. " before the request")
    assert.is_true(count.between >= 5, count.between .. " in between")
    assert.is_true(count.later >= 5, count.later .. " after the rename")
  end)

  it("under strict rotation as it connects: the next refresh works", function()
    provider.settings { rotation = "strict" }
    local before = provider.requests("token")
    local result = ada:run("strace -f -qq -o ~/trace -e trace=connect -e inject=connect:signal=KILL:when=1 " .. REFRESH)
    if result.status ~= 137 then
      assert.matches("ptrace", result.err)
      return pending("needs the right to trace")
    end
    assert.equal(before, provider.requests("token"))
    expect.token(ada:run(REFRESH))
    assert.equal("", litter())
  end)

  it("under strict rotation while the provider answers: exit 4 with the remedy, and a whole store", function()
    provider.settings { rotation = "strict" }
    provider.fault { kind = "delay", ms = 300, endpoint = "token", times = 1 }
    local result = ada:run([[
      count() { curl -s $CONTROL/counters | jq "$1"; }
      requests=$(count .requests.token) tokens=$(count .tokens.refresh_token)
      entra-auth-cli refresh -p me & pid=$!
      until [ $(count .requests.token) -gt $requests ]; do :; done
      kill -KILL $pid
      wait $pid
      code=$?
      until [ $(count .tokens.refresh_token) -gt $tokens ]; do :; done
      exit $code]], nil, { CONTROL = ada.idp.control })
    assert.equal(137, result.status)
    assert.equal("", result.out)
    costs_the_sign_in()
  end)

  it("while it notes a failure: the next one that fails leaves nothing of it", function()
    local function fail(more)
      provider.fault { kind = "status", status = 503, endpoint = "token", times = 1 }
      local result = ada:run(REFRESH, nil, more)
      provider.control("DELETE", "/faults")
      return result.status
    end
    local at, killed = 1, 0
    repeat
      local status = fail(failing.environment(ada.state, "before", at))
      assert.is_true(status == 137 or status == 5, tostring(status))
      killed = killed + (status == 137 and 1 or 0)
      assert.equal(5, fail())
      assert.equal("", litter(), tostring(at))
      at = at + 1
    until status == 5
    assert.is_true(killed >= 6, killed .. " changes")
    expect.token(ada:run(REFRESH))
  end)

  it("while it makes its first key and profile: the next run makes them, or takes them, and cleans up", function()
    local app = ada.idp.clients.daemon
    local create = ("entra-auth-cli config create --force -n fresh --tenant %s --client-id %s --client-secret-stdin")
      :format(ada.idp.tenant, app.client_id)
    local at, status = 1, nil
    repeat
      for _, how in ipairs { "before", "after" } do
        ada:must("rm -rf ~/.local ~/.config; mkdir -p ~/.local/state")
        status = ada:run(create, app.secret, failing.environment(ada.state, how, at)).status
        assert.is_true(status == 137 or status == 0)
        ada:must(create, app.secret)
        assert.matches("^eyJ", ada:must("entra-auth-cli get-token -p fresh").out)
        assert.equal("", litter(), ("%s %d"):format(how, at))
      end
      at = at + 1
    until status == 0
    assert.is_true(at > 8, "only " .. at .. " changes")
  end)
end)
