-- How get-token and refresh hand a token over.
local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

describe("a token", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:daemon("app")
    ada:person("me", true)
  end)
  after_each(function() ada:remove() end)

  for _, command in ipairs { "get-token -p me", "refresh -p me" } do
    describe("of " .. command, function()
      -- The token in the cache is the one that was handed over last.
      local function current()
        return expect.token(ada:run("entra-auth-cli get-token -p me"))
      end

      it("as a header is one line that curl sends", function()
        local result = ada:run("entra-auth-cli " .. command .. " -o header")
        assert.equal("", result.err)
        assert.equal("Authorization: Bearer " .. current() .. "\n", result.out)
      end)

      it("as environment is what a shell evaluates", function()
        local result = ada:run(([[
          eval "$(entra-auth-cli %s --output env)"
          echo "$ENTRA_ACCESS_TOKEN $(($ENTRA_EXPIRES_ON - $(date +%%s)))"]]):format(command))
        local token, left = result.out:match("^(%S+) (%d+)\n$")
        assert.equal(current(), token)
        assert.is_true(tonumber(left) > 600 and tonumber(left) <= 3600, left)
      end)

      it("goes to a file of one's own, whole, and nowhere else", function()
        ada:must("cd ~; echo old >token; chmod 644 token; ln -s token link")
        for _, name in ipairs { "token", "new", "link" } do
          local result = ada:run(("cd ~; umask 0; entra-auth-cli %s --file %s"):format(command, name))
          assert.same({ 0, "", "" }, { result.status, result.out, result.err })
          assert.equal(current() .. "\n", shell.read(ada.home .. "/" .. name))
        end
        assert.equal("600 600\n", ada:must("cd ~; echo $(stat -c %a token new)").out)
        assert.equal("token\n", ada:must("readlink ~/link").out)
        assert.equal("", ada:must("find ~ -name '*.tmp'").out)
      end)

      it("is written in the format that was asked for", function()
        ada:must(("entra-auth-cli %s -o env --file ~/token.env"):format(command))
        assert.matches("^ENTRA_ACCESS_TOKEN='eyJ[%w_.-]+'\nENTRA_EXPIRES_ON=%d+\n$",
          shell.read(ada.home .. "/token.env"))
      end)

      it("replaces nothing but a file", function()
        for _, path in ipairs { "/dev/null", "/dev/full", "~/folder", "~/pipe" } do
          ada:must("mkdir -p ~/folder; test -p ~/pipe || mkfifo ~/pipe")
          expect.failure(ada:run(("timeout 20 entra-auth-cli %s --file %s"):format(command, path)), 1, "^[^\n]*/",
            "name a file in a folder that you may write", false)
        end
        assert.equal("c\n", ada:must("stat -c %F /dev/null | cut -c1").out)
      end)

      it("is not written where there is no folder", function()
        expect.failure(ada:run(("entra-auth-cli %s --file ~/none/token"):format(command)), 1,
          "^cannot write /%S+/none/token: No such file or directory$", "name a file in a folder that you may write")
      end)
    end)
  end

  it("goes to one place", function()
    local result = ada:run("entra-auth-cli get-token -p app --clipboard --file ~/token")
    assert.equal(1, result.status)
    assert.matches("^Error: option '%-%-file' can not be used together with option '%-%-clipboard'\n", result.err)
  end)

  it("is sent by curl without being in its arguments", function()
    local result = ada:run(([[curl -sS --cacert "$SSL_CERT_FILE" -o /dev/null -w '%%{http_code}' -v %s/v1.0/nothing \
      -H @<(entra-auth-cli get-token -p app -o header) 2>&1 | grep -c '^> Authorization: Bearer eyJ']]):format(
      ada.idp.base))
    assert.equal("1\n", result.out, result.err)
  end)
end)
