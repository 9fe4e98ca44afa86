local core = require("entra.core")
local expect = require("spec.support.expect")
local json = require("dkjson")
local pki = require("spec.support.pki")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("a certificate", function()
  local ada, app, flags

  setup(function()
    provider.start()
    pki.certificate("renewed", { days = 90 })
    pki.certificate("ending", { days = 29 })
    pki.certificate("unknown")
    for _, name in ipairs { "renewed", "ending" } do
      provider.control("POST", "/certificates", { pem = pki.read(name .. ".pem") })
    end
  end)

  before_each(function()
    provider.reset()
    ada = user.new()
    app = ada.idp.clients.certificate
    flags = ("--tenant %s --client-id %s"):format(ada.idp.tenant, app.client_id)
    ada:must(("cp %s $HOME/app.pem; cp %s $HOME/app.key; cat $HOME/app.pem $HOME/app.key >$HOME/both.pem"):format(
      app.cert, app.key))
  end)

  after_each(function()
    ada:remove()
  end)

  -- NAME.pfx in the home, of the provider's certificate or of another one's.
  local function pfx(more, from, password, name)
    local pem, key = "$HOME/app.pem", "$HOME/app.key"
    if from then
      pem, key = pki.path(from .. ".pem"), pki.path(from .. ".key")
    end
    ada:must(("openssl pkcs12 -export -in %s -inkey %s -passout pass:%s %s -out $HOME/%s"):format(pem, key,
      password or "hunter2-pfx", more or "", name or "app.pfx"))
  end

  local function create(arguments, stdin, more)
    return ada:run(("cd $HOME; entra-auth-cli config create %s %s"):format(flags, arguments), stdin, more)
  end

  local function created(arguments, stdin)
    assert.same({ out = "", err = "Profile 'default' created.\n", status = 0 }, create(arguments, stdin))
  end

  local function get(arguments, before)
    return ada:run(("%s entra-auth-cli get-token %s"):format(before or "", arguments or "--force"))
  end

  local function last_request()
    local requests = provider.control("GET", "/requests")
    return requests[#requests]
  end

  local function last_header()
    return json.decode((core.jwt_split(last_request().form.client_assertion)))
  end

  local function thumbprint(name)
    return (core.base64url_encode((pki.fingerprint(name, "sha256"):gsub("%x%x", function(h)
      return string.char(tonumber(h, 16))
    end))))
  end

  for what, arguments in pairs {
    ["one PEM file"] = "--certificate both.pem",
    ["two PEM files"] = "--certificate app.pem --certificate-key app.key",
    ["a PEM file, sealed"] = "--certificate both.pem --certificate-mode sealed",
    ["a URI for the key"] = "--certificate app.pem --certificate-key file:$HOME/app.key --auth-method certificate",
    ["RS256"] = "--certificate both.pem --assertion-algorithm RS256",
    ["the chain sent along"] = "--certificate both.pem --send-certificate-chain",
    ["a flow that is named"] = "--certificate both.pem -f client-credentials",
  } do
    it("signs an app in: " .. what, function()
      created(arguments)
      expect.token(get(""))
      expect.token(get("")) -- from the cache
      assert.equal(1, provider.requests("token"))
      assert.is_nil(last_request().form.client_secret)
    end)
  end

  it("signs PS256 by default; RS256 and the chain by choice", function()
    created("--certificate both.pem")
    expect.token(get())
    local header = last_header()
    assert.same({ "PS256", nil, nil }, { header.alg, header.x5t, header.x5c })
    assert.is_string(header["x5t#S256"])
    create("--certificate both.pem --force --assertion-algorithm RS256 --send-certificate-chain")
    expect.token(get())
    header = last_header()
    assert.equal("RS256", header.alg)
    assert.is_nil(header["x5t#S256"])
    assert.is_string(header.x5t)
    assert.equal(1, #header.x5c)
  end)

  it("signs in where a key has a password, which is sealed", function()
    ada:must("openssl pkcs8 -topk8 -in $HOME/app.key -passout pass:hunter2-key -out $HOME/sealed.key")
    created("--certificate app.pem --certificate-key sealed.key --certificate-password-stdin", "hunter2-key\n")
    expect.token(get())
  end)

  for what, more in pairs {
    ["a PFX"] = "", ["a PFX with 600,000 iterations"] = "-iter 600000",
    ["a PFX with RC2 and 3DES"] = "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1",
  } do
    it("signs in from " .. what .. ", which is read once", function()
      pfx(more)
      created("--certificate app.pfx --certificate-password-stdin", "hunter2-pfx\n")
      ada:must("rm $HOME/app.pfx")
      expect.token(get())
    end)
  end

  it("keeps its PFX's key and password from the disk, from --verbose and from arguments", function()
    pfx()
    local command = ("cd $HOME; strace -f -qq -s 100000 -e trace=execve -A -o $HOME/trace entra-auth-cli %%s"):format()
    local results = {
      ada:must(command:format(("config create -v %s --certificate app.pfx --certificate-password-stdin"):format(flags)),
        "hunter2-pfx"),
      ada:must(command:format("get-token -v --force")), ada:must(command:format("config show -v")),
    }
    local assertion = last_request().form.client_assertion
    local key = shell.read(ada.home .. "/app.key"):match("\n(%S+)\n")
    ada:must("rm $HOME/app.*")
    local state = ada:must("find $HOME/.config $HOME/.local -type f -exec cat {} +").out
    for _, secret in ipairs { "hunter2-pfx", key, "PRIVATE KEY", assertion, assertion:match("%.([^.]+)$") } do
      for _, text in ipairs { state, shell.read(ada.home .. "/trace") or "", results[1].err, results[2].err,
        results[3].err .. results[3].out } do
        assert.is_nil(text:find(secret, 1, true))
      end
    end
    assert.matches("answered", results[2].err)
    assert.equal("", ada:must("find $HOME/.local -type f ! -perm 600").out)
  end)

  describe("that is no good is refused when the profile is made:", function()
    local function refused(error, hint, arguments, stdin)
      local said = expect.failure(create(arguments, stdin), 1, error, hint)
      assert.is_nil(shell.read(ada.profiles))
      assert.equal("", ada:must("find $HOME -name '*.rec'").out)
      assert.equal(0, provider.requests("token"))
      return said
    end

    it("a wrong PFX password, of which there is one", function()
      pfx()
      refused("^cannot use .*/app.pfx: the password does not open the PFX file$",
        "give the right password with --certificate-password-stdin",
        "--certificate app.pfx --certificate-password-stdin", "wrong\nhunter2-pfx\n")
    end)

    it("a password that is missing", function()
      pfx()
      refused("^cannot use .*/app.pfx: the PFX file is encrypted",
        "give its password with --certificate-password-stdin", "--certificate app.pfx")
    end)

    for name, case in pairs {
      ["the key of another certificate"] = { "unknown", "the private key belongs to another certificate",
        "name the key of this certificate with --certificate-key", "--certificate app.pem --certificate-key NAME.key" },
      ["an expired certificate"] = { "expired", "^the certificate expired on 20", "^renew it, upload" },
      ["a certificate that is not yet valid"] = { "future", "^the certificate is not valid before 20",
        "^check the clock" },
      ["an EC key"] = { "ec", "the private key is not RSA but EC", "^make an RSA key and certificate: openssl req " },
      ["a key of 1024 bits"] = { "small", "the private key has 1024 bits, fewer than 2048", "^make an RSA key" },
    } do
      it(name, function()
        pki.certificate("expired", { days = 30, at = "-40d" })
        pki.certificate("future", { days = 30, at = "+40d" })
        pki.certificate("ec", { kind = "ec" })
        pki.certificate("small", { kind = "small" })
        local base = pki.path(case[1])
        local arguments = (case[4] or "--certificate NAME.pem --certificate-key NAME.key"):gsub("NAME", base)
        refused(case[2]:sub(1, 1) == "^" and case[2] or "^cannot use .*: " .. case[2] .. "$", case[3], arguments)
        if not case[4] then -- and out of a PFX
          pfx(nil, case[1])
          refused(case[2]:sub(1, 1) == "^" and case[2] or "^cannot use .*: " .. case[2] .. "$", case[3],
            "--certificate app.pfx --certificate-password-stdin", "hunter2-pfx")
        end
      end)
    end

    it("an old PFX where OpenSSL has no legacy provider: the openssl command is named", function()
      pfx("-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1")
      ada.environment.OPENSSL_MODULES = "/nonexistent"
      refused("^cannot use .*: the PFX file is encrypted in a way that this OpenSSL does not have$",
        "^write it anew .*: openssl pkcs12 %-legacy %-in OLD.pfx %-nodes | openssl pkcs12 %-export %-out NEW.pfx$",
        "--certificate app.pfx --certificate-password-stdin", "hunter2-pfx")
    end)

    for arguments, error in pairs {
      ["--certificate nothing.pem"] = "^cannot open .*/nothing.pem: No such file",
      ["--certificate app.key"] = "^cannot use .*/app.key: there is no certificate$",
      ["--certificate app.pem"] = "^cannot use .*/app.pem: there is no private key$",
      ["--certificate ca.pem --certificate-key nothing"] = "^cannot open .*/nothing: No such file",
      ["--certificate app.pem --certificate-key 'pkcs11:object=x'"] =
        "^cannot use pkcs11:object=x: no OpenSSL store can open pkcs11:object=x$",
      ["--certificate app.pem --certificate-key 'pkcs11:object=x?pin-value=1234'"] = "a PIN does not belong into a URI",
      ["--certificate-key app.key"] = "missing --certificate",
      ["--send-certificate-chain"] = "missing --certificate",
      ["--auth-method certificate"] = "missing --certificate",
      ["--auth-method none --certificate both.pem"] = "--auth-method none takes no certificate",
      ["--auth-method client-secret --certificate both.pem"] = "missing --client-secret-stdin or --client-secret-file",
      ["--client-secret-file app.key --certificate both.pem"] =
        "a profile has a client secret, a certificate or a federated token, not two of them",
      ["--certificate both.pem --assertion-algorithm none"] =
        "argument for option '--assertion-algorithm' must be one of 'PS256', 'RS256'",
    } do
      it(arguments, function()
        refused(error, nil, arguments)
      end)
    end
  end)

  describe("whose password is asked for at the terminal", function()
    -- Types each line when its question is asked; returns what the terminal showed.
    local function typing(...)
      local keys = {}
      for i, line in ipairs { ... } do
        keys[#keys + 1] = ('until_true "[ \\$(grep -c \'Password of\' seen) -ge %d ]"\nprintf %s >&4'):format(i,
          shell.quote(line))
      end
      return ada:run([[
        cd $HOME
        until_true() { for _ in $(seq 200); do eval "$1" && return; sleep 0.02; done; echo "never: $1" >&2; exit 9; }
        mkfifo keys
        script -qfec 'entra-auth-cli config create ]] .. flags .. [[ --certificate app.pfx; echo "status $?"; stty -a' \
          seen <keys >/dev/null &
        exec 4>keys
        ]] .. table.concat(keys, "\n") .. [[

        until_true "grep -q opost seen"
        exec 4>&-
        wait
        cat seen]], nil, { SHELL = "/bin/bash" })
    end

    -- What stty said at the end; the command itself, which `script` shows at the top, has the word as well.
    local function is_echoing(result)
      assert.matches("[ ;]echo[ ;\r]", result.out:match("\r\nstatus %d+\r\n(.*)$"))
    end

    before_each(function() pfx() end)

    it("is typed unseen", function()
      local result = typing("hunter2-pfx\n")
      assert.matches("Profile 'default' created%.\r\nstatus 0\r\n", result.out)
      assert.is_nil(result.out:find("hunter2", 1, true))
      is_echoing(result)
      expect.token(get())
    end)

    it("may be wrong twice", function()
      local result = typing("wrong-1\n", "wrong-2\n", "hunter2-pfx\n")
      assert.matches("Profile 'default' created%.\r\nstatus 0\r\n", result.out)
      local _, asked = result.out:gsub("Password of", "")
      assert.equal(3, asked)
      assert.is_nil(result.out:find("wrong-1", 1, true))
    end)

    it("but not three times", function()
      local result = typing("wrong-1\n", "wrong-2\n", "wrong-3\n")
      assert.matches("Error: cannot use [^\r]*: the password does not open the PFX file\r\nHint: [^\r]*\r\n"
        .. "status 1\r\n", result.out)
      local _, asked = result.out:gsub("Password of", "")
      assert.equal(3, asked)
      assert.is_nil(shell.read(ada.profiles))
    end)

    it("can be left with Ctrl-C, and the terminal keeps its echo", function()
      local result = typing("hun\003")
      assert.matches("Cancelled\r\nstatus 130\r\n", result.out)
      is_echoing(result)
      assert.is_nil(shell.read(ada.profiles))
    end)

    it("can be left with Ctrl-D", function()
      assert.matches("Error: no answer was given\r\nstatus 1\r\n", typing("\004").out)
    end)
  end)

  describe("in time", function()
    before_each(function()
      pfx(nil, "renewed")
      created("--certificate app.pfx --certificate-password-stdin", "hunter2-pfx")
    end)

    it("warns thirty days before its end, and still serves", function()
      assert.equal("", get().err)
      pfx(nil, "ending")
      local warning = "Warning: the certificate expires in 28 days, on 20%S+\n"
      assert.matches("^" .. warning .. "Profile 'default' replaced%.\n$",
        create("--force --certificate app.pfx --certificate-password-stdin", "hunter2-pfx").err)
      local result = get()
      assert.matches("^" .. warning .. "$", result.err)
      assert.matches("^eyJ[^\n]+\n$", result.out)
    end)

    it("is not sent once it has expired", function()
      expect.failure(get(nil, "faketime -f +91d"), 3, "^the certificate expired on 20", "^renew it, upload")
      assert.equal(0, provider.requests("token"))
    end)

    it("is not sent before it begins", function()
      expect.failure(get(nil, "faketime -f -1d"), 3, "^the certificate is not valid before 20", "^check the clock")
      assert.equal(0, provider.requests("token"))
    end)
  end)

  describe("that is renewed", function()
    before_each(function()
      pfx()
      created("--certificate app.pfx --certificate-password-stdin", "hunter2-pfx")
      expect.token(get())
    end)

    it("is taken up from its PFX, with the sealed password", function()
      pfx(nil, "renewed")
      expect.token(get())
      assert.equal(thumbprint("renewed"), last_header()["x5t#S256"])
      ada:must("rm $HOME/app.pfx")
      expect.token(get())
      assert.equal(thumbprint("renewed"), last_header()["x5t#S256"])
    end)

    it("under another password leaves the old one in use, with a warning, as long as that is valid", function()
      pfx(nil, "renewed", "another")
      local result = get()
      assert.matches("^eyJ", result.out)
      assert.matches("^Warning: the certificate's file changed, but cannot use .*/app.pfx: the password does not open "
        .. "the PFX file; the one before is used until 20", result.err)
      assert.not_equal(thumbprint("renewed"), last_header()["x5t#S256"])
      local requests = provider.requests("token")
      expect.failure(get(nil, "faketime -f +4000d"), 3,
        "^cannot use .*/app.pfx: the password does not open the PFX file$",
        "^entra%-auth%-cli config create %-%-name default %-%-force %-%-certificate FILE … "
          .. "%-%-certificate%-password%-stdin$")
      assert.equal(requests, provider.requests("token"))
    end)
  end)

  it("that the app registration does not know is told apart from a secret", function()
    created(("--certificate %s --certificate-key %s"):format(pki.path("unknown.pem"), pki.path("unknown.key")))
    expect.failure(get(), 3, "^localhost:%d+ refused the request %(invalid_client%): AADSTS700027",
      "^check that this certificate is uploaded .*config show", "^AADSTS700027, ")
  end)

  it("signs another assertion where an answer got lost, each being good for one request", function()
    created("--certificate both.pem")
    for _, fault in ipairs { { kind = "drop_after" }, { kind = "status", status = 503 } } do
      provider.reset()
      fault.times, fault.endpoint = 1, "token"
      provider.fault(fault)
      expect.token(get())
      local requests = provider.control("GET", "/requests")
      assert.equal(2, #requests)
      assert.not_equal(requests[1].form.client_assertion, requests[2].form.client_assertion)
    end
  end)

  it("signs a person's app in too, at each poll anew", function()
    created("--certificate both.pem -s 'User.Read offline_access' -f device-code")
    provider.settings { auto_approve = true, device_interval = 0 }
    provider.fault { kind = "json", endpoint = "token", times = 1, status = 400,
      body = { error = "authorization_pending" } }
    local result = get("")
    assert.matches("^eyJ", result.out)
    assert.equal(2, provider.requests("token"))
    assert.matches("^eyJ", ada:must("entra-auth-cli refresh").out)
    assert.equal(3, provider.requests("token"))
  end)

  it("is shown with both thumbprints and its end", function()
    pfx(nil, "renewed")
    created("--certificate app.pfx --certificate-password-stdin", "hunter2-pfx")
    local shown = json.decode(ada:must("entra-auth-cli config show -o json").out)
    assert.equal("certificate", shown.authMethod)
    assert.equal("client-credentials", shown.defaultFlow)
    assert.equal(pki.fingerprint("renewed", "sha1"), shown.thumbprintSha1)
    assert.equal(pki.fingerprint("renewed", "sha256"), shown.thumbprintSha256)
    assert.equal("CN = renewed", shown.certificateSubject)
    assert.equal("valid", shown.certificate)
    assert.equal("sealed", shown.certificateMode)
    assert.equal(ada.home .. "/app.pfx", shown.certificatePath)
    assert.is_true(shown.certificateDaysLeft == 89 or shown.certificateDaysLeft == 90)
    local ends = shell.capture(("date -ud \"$(openssl x509 -in %s -noout -enddate | cut -d= -f2)\" +%%FT%%TZ"):format(
      pki.path("renewed.pem")))
    assert.equal(ends, shown.certificateExpires)
    local text = ada:must("faketime -f +100d entra-auth-cli config show").out
    assert.matches("\ncertificate +unusable: the certificate expired on 20", text)
    assert.matches("\nthumbprintSha1 +" .. pki.fingerprint("renewed", "sha1") .. "\n", text)
  end)

  it("goes with its profile", function()
    pfx()
    created("--certificate app.pfx --certificate-password-stdin", "hunter2-pfx")
    expect.token(get())
    ada:must("entra-auth-cli config delete --yes")
    assert.equal("", ada:must("find $HOME -name '*.rec'").out)
  end)

  it("of the reference tool's profile is used as it is, or says what is missing", function()
    pfx(nil, nil, "")
    os.execute("mkdir -p -m 700 " .. ada.home .. "/.config/entra-auth-cli")
    shell.write(ada.profiles, json.encode { { name = "theirs", tenantId = ada.idp.tenant, clientId = app.client_id,
      authMethod = "Certificate", certificatePath = ada.home .. "/app.pfx", cacheCertificatePassword = true } })
    expect.token(get("-p theirs"))
    pfx(nil, nil, "hunter2-pfx", "locked.pfx")
    ada:must("entra-auth-cli config delete -p theirs")
    shell.write(ada.profiles, json.encode { { name = "theirs", tenantId = ada.idp.tenant, clientId = app.client_id,
      authMethod = "Certificate", certificatePath = ada.home .. "/locked.pfx" } })
    expect.failure(get("-p theirs"), 3,
      "^cannot use .*/locked.pfx: the PFX file is encrypted, and no password is known$",
      "^entra%-auth%-cli config create %-%-name theirs %-%-force .*%-%-certificate%-password%-stdin$")
  end)
end)
