-- A real browser at the other end: Chromium, headless, with the test CA in a trust store of its own.
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local CHROMIUM = "node " .. shell.capture("pwd") .. "/spec/support/browser/chromium.js"
local UNTIL = 'until_true() { for _ in {1..1500}; do eval "$1" && return; sleep 0.02; done; exit 99; }\n'

describe("a real browser", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:person("me")
    ada.environment.BROWSER = CHROMIUM
    ada:must([[mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -N --empty-password &&
      certutil -d sql:$HOME/.pki/nssdb -A -n test -t C,, -i $SSL_CERT_FILE]])
  end)
  after_each(function() ada:remove() end)

  -- The words of the browser's last page, once it is closed.
  local function last_page()
    local words = ada:must(UNTIL .. [[until_true '[ -e ~/browser/page.txt ] || [ -e ~/browser/error.txt ]'
      cat ~/browser/error.txt 2>/dev/null; cat ~/browser/page.txt]]).out
    return words
  end

  local function keep_picture(name)
    local folder = shell.capture("pwd") .. "/build/pages"
    ada:must(("mkdir -p %s; cp ~/browser/page.png %s/%s.png; cp ~/browser/dark.png %s/%s-dark.png"):format(folder,
      folder, name, folder, name))
  end

  it("signs in on the provider's page, and ends on ours", function()
    local result = ada:run("entra-auth-cli get-token -p me --flow interactive")
    assert.equal(0, result.status, result.err)
    assert.matches("^eyJ", result.out)
    assert.matches("You can close this tab", last_page())
    keep_picture("signed-in")
    ada:must("entra-auth-cli refresh -p me")
  end)

  it("is told of a refusal in plain words", function()
    local result = ada:run("entra-auth-cli get-token -p me --flow interactive", nil, { WHO = "nobody" })
    assert.equal(3, result.status, result.err)
    assert.matches("refused", last_page())
    keep_picture("refused")
  end)

  it("approves a device code", function()
    local result = ada:run(UNTIL .. [[
      entra-auth-cli get-token -p me --flow device-code >~/out 2>~/err &
      until_true "grep -q 'The code is valid' ~/err"
      page=$(grep -o 'https://.*' ~/err) code=$(grep -oE '^    [A-Z0-9-]+$' ~/err)
      ]] .. CHROMIUM .. [[ $page $code
      wait $!; status=$?; cat ~/out; cat ~/err >&2; exit $status]])
    assert.equal(0, result.status, result.err)
    assert.matches("^eyJ", result.out)
    assert.matches("You have signed in", last_page())
  end)
end)
