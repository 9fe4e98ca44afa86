-- Many processes at once on one profile: one exchange, one answer for all, and nothing lost.
local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("many processes at once", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)
  after_each(function() ada:remove() end)

  -- Run a command n times at once; $out/N, $err/N and $code/N hold what each said.
  local function at_once(n, command, more)
    return ada:run(([[
      mkdir -p ~/out ~/err ~/code
      for i in $(seq %d); do
        { %s >~/out/$i 2>~/err/$i; echo $? >~/code/$i; } &
      done
      wait
      echo "$(sort -u ~/out/* | wc -l) $(sort ~/code/* | uniq -c | xargs)"
      %s]]):format(n, command, more or "")).out
  end

  it("make one exchange for 64 first calls, and all get its token", function()
    ada:daemon("production")
    assert.equal("1 64 0\n", at_once(64, "entra-auth-cli get-token -p production"))
    assert.equal(1, provider.requests("token"))
  end)

  it("start OpenSSL before they queue, not while they keep the others out", function()
    ada:daemon("production")
    local trace = ada:must([[
      strace -e trace=openat -o ~/trace entra-auth-cli get-token -p production >/dev/null
      cat ~/trace]]).out
    local started, locked = trace:find("openssl.cnf", 1, true), trace:find('.lock"', 1, true)
    assert.is_true(started ~= nil and locked ~= nil and started < locked, trace)
  end)

  it("make at most two attempts on a hanging provider, and all end within one deadline", function()
    ada:daemon("production")
    provider.fault { endpoint = "token", kind = "hang" }
    assert.equal("0 64 5\n", at_once(64, "timeout 20 entra-auth-cli get-token -p production --timeout 3s"))
    assert.is_true(provider.requests("token") <= 2)
  end)

  it("refresh once under strict rotation, all 16 succeed, and the profile still refreshes", function()
    ada:person("me", true)
    provider.settings { rotation = "strict" }
    -- Slow enough that the last of them comes while the first is still at it.
    provider.fault { endpoint = "token", kind = "delay", ms = 3000, times = 1 }
    local before = provider.tokens("refresh_token")
    assert.equal("1 16 0\n", at_once(16, "entra-auth-cli refresh -p me"))
    assert.equal(before + 1, provider.tokens("refresh_token"))
    ada:must("entra-auth-cli refresh -p me")
  end)

  it("make one key on their first runs, and every record opens", function()
    local app = ada.idp.clients.daemon
    local created = at_once(64, ("printf %%s '%s' | entra-auth-cli config create -n p$i --tenant %s --client-id %s"
      .. " --client-secret-stdin"):format(app.secret, ada.idp.tenant, app.client_id))
    assert.equal("0 64 0\n", created)
    local shown = ada:must("for p in $(entra-auth-cli config list); do entra-auth-cli config show -p $p; done").out
    local _, readable = shown:gsub("clientSecret%s+stored\n", "")
    assert.equal(64, readable)
  end)

  it("say who holds a lock that is never let go", function()
    ada:daemon("production")
    ada:must("entra-auth-cli get-token -p production")
    local result = ada:run([[
      for lock in ~/.local/state/entra-auth-cli/records/*.lock; do
        bash -c 'exec 9>"$1"; flock 9; touch ~/held; kill -STOP $$' - "$lock" &
      done
      holder=$!
      until [ -e ~/held ]; do :; done
      entra-auth-cli get-token -p production --force --timeout 1s
      code=$?
      kill -KILL $holder
      exit $code]])
    assert.equal(5, result.status)
    assert.equal("", result.out)
    assert.matches("^Error: timed out waiting for another process", result.err)
    assert.matches("Hint: see who holds it: fuser '[^']+%.lock'", result.err)
  end)

  it("sweep what a killed one left of any record that they write", function()
    ada:person("me", true)
    local left = ada:must([[
      cd ~/.local/state/entra-auth-cli/records
      for record in *.rec; do echo half >$record.0123456789abcdef.tmp; done
      ls *.tmp | wc -l
      entra-auth-cli refresh -p me >/dev/null
      find . -name '*.tmp']]).out
    assert.equal("2\n", left)
  end)
end)
