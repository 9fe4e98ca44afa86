local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("a federated workload", function()
  local ada, flags

  before_each(function()
    provider.reset()
    ada = user.new()
    flags = ("--tenant %s --client-id %s"):format(ada.idp.tenant, ada.idp.clients.federated.client_id)
  end)

  after_each(function()
    ada:remove()
  end)

  local function mount(claims, name)
    local token = provider.control("POST", "/federation/token", claims or json.decode("{}")).token
    shell.write(ada.home .. "/" .. (name or "token"), token .. "\n")
    return token
  end

  local function create(arguments)
    return ada:run(("cd $HOME; entra-auth-cli config create %s %s"):format(flags, arguments))
  end

  local function get()
    return ada:run("entra-auth-cli get-token --force")
  end

  it("signs in with the token in its file, which is read each time and stored nowhere", function()
    local first = mount()
    assert.same({ out = "", err = "Profile 'default' created.\n", status = 0 },
      create("--federated-token-file token"))
    expect.token(get())
    local second = mount({ nbf = 1 })
    expect.token(get())
    local requests = provider.control("GET", "/requests")
    assert.same({ first, second }, { requests[1].form.client_assertion, requests[2].form.client_assertion })
    assert.is_nil(requests[1].form.client_secret)
    assert.equal("", ada:must(("grep -rl '%s' $HOME/.config $HOME/.local || true"):format(
      first:match("[^.]+$"))).out)
    local shown = json.decode(ada:must("entra-auth-cli config show -o json").out)
    assert.same({ "federated", "client-credentials", ada.home .. "/token" },
      { shown.authMethod, shown.defaultFlow, shown.federatedTokenFile })
  end)

  it("takes the file from the environment where the profile names none", function()
    mount(nil, "projected")
    assert.equal(0, create("--auth-method federated").status)
    expect.failure(get(), 3, "profile 'default' has no federated token", "^set AZURE_FEDERATED_TOKEN_FILE")
    ada.environment.AZURE_FEDERATED_TOKEN_FILE = ada.home .. "/projected"
    expect.token(get())
  end)

  for member, case in pairs { iss = { "https://elsewhere.example", 700211 }, sub = { "someone:else", 700213 },
    aud = { "https://kubernetes.default.svc", 700212 } } do
    it("is told what to compare where its " .. member .. " is another", function()
      mount({ [member] = case[1] })
      create("--federated-token-file token")
      expect.failure(get(), 3, "^localhost:%d+ refused the request %(invalid_client%): AADSTS" .. case[2],
        "^compare issuer, subject and audience .*inspect %-%-file", "^AADSTS" .. case[2])
      assert.equal(1, provider.requests("token"))
    end)
  end

  it("tries a token once more that was renewed while the old one was refused", function()
    mount({ exp = 1700000000 })
    create("--federated-token-file token")
    provider.fault { kind = "delay", endpoint = "token", times = 1, ms = 400 }
    local before = shell.read(ada.home .. "/token")
    mount(nil, "next")
    local result = ada:run([[
      entra-auth-cli get-token --force & pid=$!
      until [ "$(curl -s $CONTROL/counters | jq .requests.token)" = 1 ]; do sleep 0.02; done
      mv $HOME/next $HOME/token
      wait $pid]], nil, { CONTROL = ada.idp.control })
    expect.token(result)
    assert.equal(2, provider.requests("token"))
    shell.write(ada.home .. "/token", before)
    expect.failure(get(), 3, "^localhost:%d+ refused .*AADSTS700024")
    assert.equal(3, provider.requests("token")) -- the same again would be no other
  end)

  for arguments, error in pairs {
    ["--auth-method none --federated-token-file token"] = "--auth-method none takes no federated token",
    ["--client-secret-file token --federated-token-file token"] =
      "a profile has a client secret, a certificate or a federated token, not two of them",
  } do
    it("refuses " .. arguments, function()
      mount()
      ada:must("chmod 600 ~/token") -- as a secret's file it would be told that it is open to others
      expect.failure(create(arguments), 1, error)
      assert.is_nil(shell.read(ada.profiles))
    end)
  end
end)
