-- Every example of the README and of the reference runs, as it stands, against the provider. What is for nginx is
-- started there: spec/nginx/examples_spec.lua.
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

-- The fenced blocks of a Markdown file, by language, each with its first line for a name.
local function blocks_of(path, language)
  local found, lines = {}, nil
  for line in shell.read(path):gmatch("([^\n]*)\n") do
    if lines then
      if line:match("^%s*```$") then
        found[#found + 1], lines = table.concat(lines, "\n") .. "\n", nil
      else
        lines[#lines + 1] = line
      end
    elseif line:match("^%s*```" .. language .. "$") then
      lines = {}
    end
  end
  return found
end

-- The @usage blocks of the modules that `make doc` shows.
local function usages()
  local found = {}
  for path in shell.read("config.ld"):gmatch('"(lua/entra/[^"]+)"') do
    local block
    for line in (shell.read(path) .. "\n"):gmatch("([^\n]*)\n") do
      if line:match("^%-%- @usage") then
        block = {}
        found[#found + 1] = { path = path, lines = block }
      elseif block and line:match("^%-%- ") and not line:match("^%-%- @") then
        block[#block + 1] = line:sub(4)
      else
        block = nil
      end
    end
  end
  return found
end

-- README blocks that a spec cannot run as they stand, by their first command, and who does.
local ELSEWHERE = {
  ["apt-get install -y make git"] = "what CI itself does; needs root and installs packages",
  ["make"] = "make, install and the packages: .ci/package and install_spec",
}

describe("the example", function()
  local ada

  before_each(function()
    provider.reset()
    provider.settings { auto_approve = true, device_interval = 1 }
    ada = user.new()
    local app = ada.idp.clients.daemon
    ada.environment.APP_SECRET = app.secret
    shell.write(ada.home .. "/secret.txt", app.secret .. "\n")
    ada:must("chmod 600 ~/secret.txt")
  end)
  after_each(function() ada:remove() end)

  -- The made-up ids of the documents, and the real ones of the provider.
  local function at_the_provider(text)
    local clients = ada.idp.clients
    for made_up, real in pairs {
      ["12345678-1234-1234-1234-123456789abc"] = clients.daemon.client_id,
      ["87654321-4321-4321-4321-cba987654321"] = clients.public.client_id,
      ["contoso.onmicrosoft.com"] = ada.idp.tenant,
    } do
      text = text:gsub(made_up:gsub("%p", "%%%0"), (real:gsub("%%", "%%%%")))
    end
    -- A profile from a table goes to Microsoft's public cloud unless it says otherwise.
    return (text:gsub("tenant_id = ", ("authority_host = %q, tenant_id = "):format(ada.idp.base)))
  end

  local function lua(code, before)
    return ada:lua((before or "") .. "\n" .. at_the_provider(code))
  end

  local seen = 0
  for number, block in ipairs(blocks_of("README.md", "sh")) do
    local first = block:match("^([^\n]*)"):gsub("%s*#.*$", ""):gsub("%s+$", "")
    if ELSEWHERE[first] then
      seen = seen + 1
    else
      it(("%d of the README's shell runs: %s"):format(number, block:match("^[^\n]*")), function()
        local result = ada:run("cd ~; set -e\n" .. at_the_provider(block):gsub("COMMAND", "refresh"))
        assert.equal(0, result.status, result.err)
        assert.is_nil(result.err:find("Error", 1, true), result.err)
      end)
    end
  end

  it("that is run elsewhere is still there", function()
    local n = 0
    for _ in pairs(ELSEWHERE) do
      n = n + 1
    end
    assert.equal(n, seen)
  end)

  for number, block in ipairs(blocks_of("README.md", "lua")) do
    it(("%d of the README's Lua runs"):format(number), function()
      ada:daemon("production")
      local result = lua(block)
      assert.equal(0, result.status, result.err)
      assert.equal("", result.err)
    end)
  end

  for number, usage in ipairs(usages()) do
    it(("%d of the reference runs: %s"):format(number, usage.path), function()
      assert.is_true(#usage.lines > 0)
      ada:daemon("production")
      -- A person's, with a token and a refresh token, where the example signs in or refreshes.
      ada:person("me", true)
      local code = table.concat(usage.lines, "\n")
      local name = code:find("sign_in", 1, true) and "me" or code:find("refresh()", 1, true) and "me" or "production"
      local result = lua(code .. "\n", ([[
        local p = assert(entra.profile(%q))
        local token = assert(p:token())]]):format(name))
      assert.equal(0, result.status, result.err)
      assert.equal("", result.err)
    end)
  end

  it("of every public function is there", function()
    local functions = 0
    for path in shell.read("config.ld"):gmatch('"(lua/entra/[^"]+)"') do
      for body in shell.read(path):gmatch("\n(%-%-%- .-)\nfunction ") do
        -- The last comment before the function; what is @local, or internal, needs none.
        local comment = body:match(".*\n(%-%-%- .*)$") or body
        if comment:match("\n%-%- @t[pr]") and not comment:match("@local") and path ~= "lua/entra/errors.lua" then
          functions = functions + 1
          local internal = comment:match("entra%.client") or comment:match("fields` is taken over")
          assert.is_truthy(comment:match("@usage") or internal, path .. ": no @usage in\n" .. comment)
        end
      end
    end
    assert.is_true(functions >= 6, functions .. " functions")
  end)
end)
