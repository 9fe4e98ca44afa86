local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("a secret", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  -- Every secret that the provider has seen or given so far, and the tokens in `outputs`.
  local function secrets_in(outputs)
    local found = { client_secret = ada.idp.clients.daemon.secret }
    local n = 0
    for _, request in ipairs(provider.control("GET", "/requests")) do
      for _, member in ipairs { "client_secret", "refresh_token", "device_code" } do
        if request.form and request.form[member] then
          n = n + 1
          found[member .. n] = request.form[member]
        end
      end
    end
    for _, text in ipairs(outputs) do
      local object = text:sub(1, 1) == "{" and json.decode(text) or { access_token = text:match("eyJ[%w_.-]+") }
      for _, member in ipairs { "access_token", "refresh_token" } do
        if object[member] then
          n = n + 1
          found[member .. n] = object[member]
        end
      end
    end
    for name, value in pairs(found) do
      assert.is_true(#value >= 8, name .. " is too short to look for")
      -- The parts of a token are as good as the whole.
      if name:match("^access_token") then
        found[name] = value:match("^[^.]+%.([^.]+)%.")
      end
    end
    return found
  end

  local function is_free_of(text, secrets)
    for name, value in pairs(secrets) do
      assert.is_nil(text:find(value, 1, true), name .. " in: " .. text:sub(1, 300))
    end
  end

  -- Everything that handles secrets, once; `wrap` goes in front of each command. Returns all results.
  local function life(wrap, flags)
    local app, person = ada.idp.clients.daemon, ada.idp.clients.public
    provider.settings { auto_approve = true, device_interval = 0, rotation = "strict" }
    local results = {}
    for _, each in ipairs {
      { ("config create -n app --tenant %s --client-id %s --client-secret-stdin"):format(ada.idp.tenant, app.client_id),
        app.secret },
      { ("config create -n me --tenant %s --client-id %s -s User.Read"):format(ada.idp.tenant, person.client_id) },
      { "get-token -p app" }, { "get-token -p app --force -o json" }, { "get-token -p me" },
      { "get-token -p me -o json" }, { "refresh -p me" }, { "refresh -p me -o json" }, { "get-token -p me --force" },
      { "inspect -p me" },
      { "config show -p app" }, { "config show -p me -o json" },
    } do
      results[#results + 1] = ada:must(("%s entra-auth-cli %s %s"):format(wrap or "", each[1], flags or ""), each[2])
    end
    return results
  end

  local function outputs_of(results)
    local outputs = {}
    for _, result in ipairs(results) do
      outputs[#outputs + 1] = result.out
    end
    return outputs
  end

  it("is never in a program's arguments, and no program is run", function()
    local secrets = secrets_in(outputs_of(life("strace -f -qq -s 100000 -e trace=execve -A -o $HOME/trace")))
    local trace = shell.read(ada.home .. "/trace")
    local _, programs = trace:gsub("execve%b()%s+= 0", "")
    assert.equal(12, programs)
    is_free_of(trace, secrets)
  end)

  it("is never in what --verbose says, which says something", function()
    for _, way in ipairs { { nil, "--verbose" }, { "ENTRA_AUTH_CLI_DEBUG=1", nil } } do
      ada:remove()
      ada = user.new()
      local results = life(way[1], way[2])
      local secrets = secrets_in(outputs_of(results))
      for i = 3, #results - 2 do
        assert.matches("^%[ *%d+%.%d ms%] profile '", results[i].err)
        is_free_of(results[i].err, secrets)
      end
    end
  end)

  it("is never on the disk in clear", function()
    local results = life()
    provider.fault { kind = "reset", times = 1 }
    ada:run("entra-auth-cli refresh -p me")
    provider.control("POST", "/revoke", {})
    ada:run("entra-auth-cli refresh -p me")
    for name, value in pairs(secrets_in(outputs_of(results))) do
      for _, form in ipairs { "cat", "base64 -w0 | tr -d =", "od -An -v -tx1 | tr -d ' \\n'" } do
        local found = ada:run(("text=$(%s); [ ${#text} -ge 8 ] && grep -rlaF -e \"$text\" $HOME"):format(form), value)
        assert.same({ name, form, "", "", 1 }, { name, form, found.out, found.err, found.status })
      end
    end
    -- The search itself finds what is there.
    assert.matches("profiles.json", ada:must("grep -rlaF 'User.Read' $HOME").out)
  end)

  it("is never in an error's text", function()
    local results = life()
    local outputs, complaints = outputs_of(results), {}
    for _, fault in ipairs { { kind = "crlf_token", endpoint = "token" }, { kind = "wrong_type", endpoint = "token" },
      { kind = "truncate" }, { kind = "json", status = 400, body = { error = "invalid_client" } },
      { kind = "json", status = 400, body = { error = "invalid_grant" } } } do
      provider.fault(fault)
      for _, command in ipairs { "get-token -p app --force", "refresh -p me", "get-token -p me --force --verbose",
        "get-token -p me -f device-code --force" } do
        local result = ada:run("entra-auth-cli " .. command)
        assert.equal("", result.out)
        complaints[#complaints + 1] = result.err
      end
      provider.control("DELETE", "/faults")
    end
    assert.equal(20, #complaints)
    is_free_of(table.concat(complaints), secrets_in(outputs))
  end)

  it("that is typed as an argument by mistake is not repeated", function()
    local result = ada:run("entra-auth-cli config create --client-secret hunter2hunter2")
    expect.failure(result, 1)
    assert.is_nil(result.err:find("hunter2", 1, true))
    result = ada:run("entra-auth-cli inspect eyJhbGciOiJub25lIn0.bm9wZW5vcGVub3Bl")
    expect.failure(result, 4)
    assert.is_nil(result.err:find("bm9wZW5v", 1, true))
  end)

  it("leaves no core file, and no other process of the user looks into it", function()
    ada:daemon("app")
    provider.fault { kind = "hang", endpoint = "token" }
    local result = ada:run_ordinary([[bash -c '
      entra-auth-cli get-token -p app >/dev/null 2>&1 & pid=$!
      for _ in {1..500}; do
        [ "$(curl -s $CONTROL/counters | jq .requests.token)" = 1 ] && break; sleep 0.02
      done
      grep "^Max core file size" /proc/$pid/limits
      cat /proc/$pid/environ >/dev/null && echo readable
      kill -KILL $pid; wait $pid; true']], nil, { CONTROL = ada.idp.control })
    assert.matches("^Max core file size +0 +0 +bytes *\n$", result.out)
    assert.matches("environ: Permission denied\n", result.err)
  end)

  it("is written nowhere but under the user's own folders", function()
    life("strace -f -qq -y -e trace=openat,open,creat,rename,renameat,renameat2,link,linkat,mkdir -A -o $HOME/trace")
    local writes = 0
    for line in shell.read(ada.home .. "/trace"):gmatch("[^\n]+") do
      if line:match("O_WRONLY") or line:match("O_RDWR") or line:match("^%d+ rename") or line:match("^%d+ link") then
        local allowed = line:find('"' .. ada.home .. "/.config/entra-auth-cli/", 1, true)
          or line:find('"' .. ada.home .. "/.local/state/entra-auth-cli", 1, true) or line:find('"/dev/', 1, true)
        assert.is_truthy(allowed, line)
        writes = writes + 1
      end
    end
    assert.is_true(writes > 10)
  end)
end)
