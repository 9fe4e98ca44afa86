-- Every example of README.md and of the reference runs as it stands, against the identity provider.
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

-- Blocks that are not run here, by the beginning of their first line, each with the reason.
local NOT_RUN = {
  ["apt-get install -y make git"] = "installs packages as root, and runs this very suite",
  ["make  "] = "installs, and makes packages: .ci/package and spec/e2e/install_spec.lua",
  ["thread_pool entra"] = "is nginx's: spec/nginx/examples_spec.lua",
}
-- Runs in nginx only: spec/nginx/examples_spec.lua.
local ELSEWHERE = { ["lua/resty/entra.lua"] = true }

-- Examples name apps that the provider of the tests does not know: which of its apps stands for which.
local function for_the_provider(text)
  local clients = provider.start().clients
  return (text:gsub("12345678%-1234%-1234%-1234%-123456789abc", clients.daemon.client_id)
    :gsub("87654321%-4321%-4321%-4321%-cba987654321", clients.public.client_id)
    :gsub("23456789%-2345%-2345%-2345%-23456789abcd", clients.certificate.client_id))
end

-- The fenced blocks of a Markdown file: heading, language, text.
local function blocks_of(path)
  local found, heading, block = {}, path, nil
  for line in shell.read(path):gmatch("([^\n]*)\n") do
    local fence = line:match("^%s*```(.*)$")
    if block and fence then
      block.text = table.concat(block, "\n") .. "\n"
      found[#found + 1], block = block, nil
    elseif block then
      block[#block + 1] = line
    elseif fence then
      block = { heading = heading, language = fence }
    else
      heading = line:match("^#+ (.*)$") or heading
    end
  end
  return found
end

-- The doc comments of a Lua file, each with the line of code that it is about.
local function comments_of(path)
  local found, lines = {}, nil
  for line in (shell.read(path) .. "\n"):gmatch("([^\n]*)\n") do
    local text = line:match("^%s*%-%-%-?%s?(.*)$")
    if line:match("^%s*%-%-%-") then
      lines = { text }
    elseif lines and text then
      lines[#lines + 1] = text
    elseif lines then
      found[#found + 1], lines = { lines = lines, code = line }, nil
    end
  end
  return found
end

-- The example in a comment: what stands between `@usage` and the next tag.
local function usage_of(comment)
  local out
  for _, line in ipairs(comment.lines) do
    if line:match("^@usage%s*$") then
      out = {}
    elseif line:match("^@") then
      if out then
        break
      end
    elseif out then
      out[#out + 1] = line
    end
  end
  return out and table.concat(out, "\n") .. "\n"
end

local function has(comment, tag)
  return ("\n" .. table.concat(comment.lines, "\n")):find("\n@" .. tag) ~= nil
end

-- The public modules are those of the reference.
local PUBLIC = {}
for path in shell.read("config.ld"):gmatch('"(lua/[^"]+)"') do
  PUBLIC[#PUBLIC + 1] = not ELSEWHERE[path] and path or nil
end

local function reason_not_to_run(first)
  for beginning in pairs(NOT_RUN) do
    if first:sub(1, #beginning) == beginning then
      return beginning
    end
  end
end

describe("the example", function()
  local ada

  before_each(function()
    provider.reset()
    provider.settings { auto_approve = true, device_interval = 0 }
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  local function run_shell(block)
    shell.write(ada.home .. "/secret.txt", ada.idp.clients.daemon.secret .. "\n")
    ada:must("chmod 600 ~/secret.txt")
    local about = ada.idp.clients.certificate
    shell.write(ada.home .. "/password.txt", "p4ss phrase\n")
    ada:must(("cd ~; openssl pkcs12 -export -inkey %s -in %s -passout file:password.txt -out app.pfx"):format(
      about.key, about.cert))
    local result = ada:run("set -euo pipefail; cd ~\n" .. for_the_provider(block.text))
    assert.equal(0, result.status, result.err .. result.out)
  end

  local function run_lua(text)
    ada:daemon("production")
    if text:find('"me"', 1, true) then
      ada:person("me", true)
    end
    ada.environment.APP_SECRET = ada.idp.clients.daemon.secret
    local result = ada:lua(([[
      require("entra.authority").PUBLIC = %q
      assert((loadstring or load)(%q, "=example"))(entra)]]):format(ada.idp.base, text))
    assert.equal(0, result.status, result.err)
  end

  local count = { sh = 0, lua = 0 }

  for i, block in ipairs(blocks_of("README.md")) do
    local first = block.text:match("^[^\n]*")
    local known = reason_not_to_run(first)
    if known then
      NOT_RUN[known] = nil
    else
      it(("%d of README.md runs: %s: %s"):format(i, block.heading, first), function()
        if block.language == "sh" then
          run_shell(block)
        elseif block.language == "lua" then
          run_lua(for_the_provider(block.text))
        else
          error("nobody knows how to run a block of '" .. block.language .. "'")
        end
        count[block.language] = count[block.language] + 1
      end)
    end
  end

  it("that is not run is still there", function()
    assert.same({}, NOT_RUN)
  end)

  it("of each language is there", function()
    assert.is_true(count.sh >= 1 and count.lua >= 1)
  end)

  for _, path in ipairs(PUBLIC) do
    for i, comment in ipairs(comments_of(path)) do
      local usage = usage_of(comment)
      if usage then
        it(("%d of %s runs: %s"):format(i, path, comment.lines[1]), function()
          run_lua("local entra = ...\n" .. for_the_provider(usage))
        end)
      end
    end
  end

  it("is there for every public function, with what it returns", function()
    local functions = 0
    for _, path in ipairs(PUBLIC) do
      for _, comment in ipairs(comments_of(path)) do
        if comment.code:match("^function ") and not has(comment, "local") then
          assert.is_true(has(comment, "usage") and has(comment, "treturn"), path .. ": " .. comment.code)
          functions = functions + 1
        end
      end
      -- A function that nobody describes is not in the reference, and must not be reachable either.
      for line, code in shell.read(path):gmatch("([^\n]*)\n(function [^\n]*)") do
        assert.is_truthy(line:match("^%-%-") or code:match("^function %w+[.:]__"), path .. ": " .. code)
      end
    end
    assert.is_true(functions >= 10)
  end)
end)
