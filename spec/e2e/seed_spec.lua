-- The user's own page, spec/support/fixtures/refresh.md: its scripts run unchanged.
local expect = require("spec.support.expect")
local json = require("dkjson")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local PAGE = shell.read("spec/support/fixtures/refresh.md")

-- The code blocks below a heading, as they stand; those of a list without its indentation.
local function blocks(heading)
  local _, start = PAGE:find("\n#+ " .. heading:gsub("%p", "%%%0") .. "\n")
  assert(start, "no heading " .. heading)
  local found, lines, indent = {}, nil, nil
  for line in PAGE:sub(start + 1):gmatch("([^\n]*)\n") do
    if lines then
      if line:match("^%s*```$") then
        found[#found + 1], lines = table.concat(lines, "\n") .. "\n", nil
      else
        lines[#lines + 1] = line:sub(#indent + 1)
      end
    elseif line:match("^#+ ") then
      break
    elseif line:match("^%s*```") then
      indent, lines = line:match("^%s*"), {}
    end
  end
  assert(#found > 0, "no code below " .. heading)
  return found
end

local function count(text, what)
  local _, n = text:gsub(what, "")
  return n
end

local TOKEN = "eyJ[%w_-]+%.[%w_-]+%.[%w_-]+"

describe("the page's script", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  local function refreshes()
    return provider.tokens("refresh_token")
  end

  -- Run a block as a script of its own; `after` is appended.
  local function run(block, after, later)
    shell.write(ada.home .. "/block.sh", block .. (after or ""))
    return ada:run(("cd $HOME; %s bash block.sh"):format(later and ("faketime -f '+%s'"):format(later) or ""))
  end

  it("'Basic Usage' refreshes the default profile, then the named one", function()
    ada:person("default", true)
    ada:person("production", true)
    local result = run(blocks("Basic Usage")[1])
    assert.equal("", result.err)
    assert.equal(0, result.status)
    assert.matches("^" .. TOKEN .. "\n" .. TOKEN .. "\n$", result.out)
    assert.equal(2, refreshes())
  end)

  it("'Output Formats' prints a token, the JSON, and fills a variable with exactly the token", function()
    ada:person("default", true)
    local result = run(blocks("Output Formats")[1], "printf '[%s]' \"$TOKEN\"\n")
    assert.equal("", result.err)
    local token, object, variable = result.out:match("^(" .. TOKEN .. ")\n(%b{})\n%[(" .. TOKEN .. ")%]$")
    assert.is_string(token)
    assert.equal("Bearer", json.decode(object).token_type)
    assert.not_equal(token, variable)
    assert.equal(3, refreshes())
  end)

  it("'JSON Format' has the members that are written, in that order", function()
    ada:person("default", true)
    local function members(text)
      local names = {}
      for name in text:gmatch('\n%s*"([%w_]+)":') do
        names[#names + 1] = name
      end
      return names
    end
    local shown = members(blocks("JSON Format")[1])
    assert.equal(6, #shown)
    assert.same(shown, members(ada:must("entra-auth-cli refresh --output json").out))
  end)

  describe("'Script Usage'", function()
    local SHOW = "printf '[%s]' \"$TOKEN\"\n"

    it("leaves a valid token alone", function()
      ada:person("myapp", true)
      local result = run(blocks("Script Usage")[1], SHOW)
      assert.matches("%[" .. TOKEN .. "%]$", result.out)
      assert.is_nil(result.out:find("Token expired, refreshing...", 1, true))
      assert.equal(0, refreshes())
    end)

    it("refreshes an expired one, and uses the new one", function()
      ada:person("myapp", true)
      local result = run(blocks("Script Usage")[1], SHOW, "2h")
      local printed, used = result.out:match(
        "Token expired, refreshing%.%.%.\n(" .. TOKEN .. ")\n%[(" .. TOKEN .. ")%]$")
      assert.is_string(printed)
      assert.equal(printed, used)
      assert.equal(1, refreshes())
    end)
  end)

  describe("'Proactive Refresh'", function()
    local function proactive(later)
      ada:person("production", true)
      return run(blocks("Proactive Refresh")[1], "printf '[%s]' \"$TOKEN\"\n", later)
    end

    it("leaves a token alone that lasts", function()
      local result = proactive()
      assert.equal("", result.err)
      assert.matches("^%[" .. TOKEN .. "%]$", result.out)
      assert.equal(0, refreshes())
    end)

    it("refreshes one that expires soon", function()
      local result = proactive("53m")
      assert.equal("", result.err)
      local printed, used = result.out:match(
        "^Refreshing token %(expires in %d+s%)%.%.%.\n(" .. TOKEN .. ")\n%[(" .. TOKEN .. ")%]$")
      assert.is_string(printed)
      assert.equal(printed, used)
      assert.equal(1, refreshes())
    end)

    it("refreshes one that has expired", function()
      local result = proactive("2h")
      assert.equal("", result.err)
      assert.matches("^Token invalid or expired, refreshing%.%.%.\n" .. TOKEN .. "\n%[" .. TOKEN .. "%]$", result.out)
      assert.equal(1, refreshes())
    end)
  end)

  it("'Scheduled Refresh' runs from cron", function()
    ada:person("background-job", true)
    ada:person("work-hours", true)
    local lines = {}
    for line in blocks("Scheduled Refresh")[1]:gmatch("[^\n]+") do
      -- The five fields of the schedule are cron's; where it is installed differs here.
      local rest = line:match("^" .. ("[%d*/,]+ "):rep(5) .. "/usr/local/bin/entra%-auth%-cli( .*)$")
      if rest then
        lines[#lines + 1] = user.PREFIX .. "/bin/entra-auth-cli" .. rest
      end
    end
    assert.equal(2, #lines)
    for _, line in ipairs(lines) do
      -- cron's environment: no terminal, /bin/sh, a short PATH, the home as current folder
      shell.write(ada.home .. "/line", line)
      local result = ada:run("cd $HOME; PATH=/usr/bin:/bin SHELL=/bin/sh setsid --wait /bin/sh -c \"$(cat line)\"")
      expect.token(result)
    end
    assert.equal(2, refreshes())
  end)

  describe("'When to Use refresh Explicitly'", function()
    it("1 refreshes before a long operation", function()
      ada:person("myapp", true)
      shell.write(ada.home .. "/long-running-task.sh", "#!/bin/sh\necho working\n")
      ada:must("chmod 755 $HOME/long-running-task.sh")
      assert.matches("^" .. TOKEN .. "\nworking\n$", run(blocks("When to Use refresh Explicitly")[1]).out)
      assert.equal(1, refreshes())
    end)

    it("2 tells a good refresh token from a refused one", function()
      ada:person("myapp", true)
      local block = blocks("When to Use refresh Explicitly")[2]
      assert.matches("^" .. TOKEN .. "\nRefresh token is valid\n$", run(block).out)
      provider.control("POST", "/revoke", {})
      local result = run(block)
      assert.equal("Need to re-authenticate\n", result.out)
      assert.equal("refresh token expired or invalid", expect.complaint(result.err).error)
    end)

    it("3 refreshes in the background, round after round", function()
      ada:person("daemon", true)
      ada:stand_in("sleep", [[
#!/bin/sh
echo "$@" >>$HOME/slept
[ "$(wc -l <$HOME/slept)" -lt 3 ] || kill $PPID
]])
      provider.settings { rotation = "strict" }
      local result = run(blocks("When to Use refresh Explicitly")[3])
      assert.equal("", (result.err:gsub("^[^\n]*Terminated[^\n]*\n$", "")))
      assert.equal(3, count(result.out, TOKEN .. "\n"))
      assert.equal("1800\n1800\n1800\n", ada:must("cat $HOME/slept").out)
      assert.equal(3, refreshes())
    end)
  end)

  it("'No Refresh Token Available' shows our very words, and its remedy works", function()
    ada:daemon("myapp")
    local shown = blocks("No Refresh Token Available")
    local problem, solution = shown[1], shown[2]
    local command, error_line = problem:match("^%$ ([^\n]+)\n(Error: [^\n]+\n)$")
    local result = ada:run(command)
    assert.equal(3, result.status)
    assert.equal(error_line, result.err:match("^[^\n]*\n"))
    local remedy = run(solution)
    assert.equal("", remedy.err)
    assert.matches("^" .. TOKEN .. "\n$", remedy.out)
    assert.is_truthy(solution:find("\n" .. expect.complaint(result.err).hint .. "\n", 1, true),
      "the hint is not the page's remedy")
  end)

  it("'Refresh Token Expired' shows our very words", function()
    ada:person("user-app", true)
    provider.control("POST", "/revoke", {})
    local command, error_line = blocks("Refresh Token Expired")[1]:match("^%$ ([^\n]+)\n(Error: [^\n]+\n)$")
    local result = ada:run(command)
    assert.equal(4, result.status)
    assert.equal(error_line, result.err:match("^[^\n]*\n"))
  end)

  it("'Refresh Token Expired' is healed by both of its solutions", function()
    local solutions = blocks("Refresh Token Expired")[2]
    ada.environment.BROWSER = user.BROWSER
    ada:person("user-app", true)
    provider.control("POST", "/revoke", {})
    expect.failure(ada:run("entra-auth-cli refresh --profile user-app"), 4)
    local again = assert(solutions:match("\n(entra%-auth%-cli get%-token [^\n]*%-%-force)\n"))
    assert.matches("^" .. TOKEN .. "\n$", ada:must(again).out)
    expect.token(ada:run("entra-auth-cli refresh --profile user-app"))

    local delete, sign_in = solutions:match("\n(entra%-auth%-cli config delete [^\n]*)\n"
      .. "entra%-auth%-cli config create\n(entra%-auth%-cli get%-token [^\n]*)\n$")
    ada:must(delete)
    ada:person("user-app") -- what `config create` asks at a terminal, as flags
    assert.matches("^" .. TOKEN .. "\n$", ada:must(sign_in).out)
    expect.token(ada:run("entra-auth-cli refresh --profile user-app"))
  end)

  it("'Missing offline_access Scope' is healed by its first solution", function()
    ada.environment.BROWSER = user.BROWSER
    ada:person("myapp", false, "User.Read")
    local solution = blocks("Missing offline_access Scope")[1]:match("\n(entra%-auth%-cli get%-token .-interactive)\n")
    assert.matches("^" .. TOKEN .. "\n$", ada:must(solution).out)
    expect.token(ada:run("entra-auth-cli refresh -p myapp"))
  end)

  it("'Long-Running Process' signs in once, works on, and refreshes short-lived tokens", function()
    ada.environment.BROWSER = user.BROWSER
    ada:person("daemon")
    provider.settings { access_token_ttl = 290, rotation = "strict" }
    ada:stand_in("curl", [[
#!/bin/bash
case "$*" in *graph.microsoft.com*) printf '%s\n' "$2" >>~/calls ;; *) exec /usr/bin/curl "$@" ;; esac
]])
    ada:stand_in("sleep", [[
#!/bin/sh
echo "$@" >>$HOME/slept
[ "$(wc -l <$HOME/slept)" -lt 3 ] || kill $PPID
]])
    local result = run(blocks("Long-Running Process")[1])
    assert.equal(1, provider.tokens("authorization_code"))
    assert.equal(3, refreshes())
    assert.equal(3, count(result.out, "Token expiring soon, refreshing...\n" .. TOKEN))
    local calls = ada:must("cat ~/calls").out
    assert.equal(3, count(calls, "Authorization: Bearer " .. TOKEN .. "\n"))
    assert.equal("60\n60\n60\n", ada:must("cat ~/slept").out)
  end)

  it("'Automatic Refresh' needs no refresh command", function()
    ada:person("myapp", true)
    local result = run(blocks("Automatic Refresh")[1], nil, "2h")
    assert.equal("", result.err)
    assert.matches("^" .. TOKEN .. "\n$", result.out)
    assert.equal(1, refreshes())
  end)

  it("'Token Rotation' stores the new refresh token by itself", function()
    provider.settings { rotation = "strict" }
    ada:person("myapp", true)
    for _ = 1, 2 do
      local result = run(blocks("Token Rotation")[1])
      assert.equal("", result.err)
      assert.matches("^" .. TOKEN .. "\n$", result.out)
    end
  end)
end)
