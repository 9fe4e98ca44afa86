-- The rules of CONTRIBUTING.md, held against the code.
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local function lines_of(command)
  local out = {}
  for line in shell.capture(command):gmatch("[^\n]+") do
    out[#out + 1] = line
  end
  return out
end

local FILES = lines_of("find lua -name '*.lua' | sort")

-- Comments are prose: rules are about code.
local function code_of(path)
  return (shell.read(path):gsub("%-%-[^\n]*", ""))
end

local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function requires_of(path)
  local out = {}
  for name in code_of(path):gmatch('require%(?%s*"([%w._-]*)"') do
    if name:match("^entra") or name:match("^resty%.entra") then
      out[name] = true
    end
  end
  return out
end

-- The layers from the bottom; a module may require its own layer and those below. What is not listed
-- by name is matched by its longest prefix.
local LAYERS = {
  { "entra.core", "entra.crypto", "entra.host", "entra.http", "entra.loopback", "entra.version" },
  { "entra.errors", "entra.remedy" },
  { "entra.json", "entra.paths", "entra.clock", "entra.authority", "entra.scopes", "entra.flow" },
  { "entra.jwt", "entra.failure", "entra.key", "entra.profiles", "entra.browser", "entra.certificate",
    "entra.challenge" },
  { "entra.token", "entra.store", "entra.cache", "entra.exchange", "entra.id_token", "entra.redirect" },
  { "entra.credential", "entra.grant", "entra.flight", "entra.keep" },
  { "entra.way" },
  { "entra.renewal", "entra.sign_in", "entra.client" },
  { "entra.profile" },
  { "entra" },
  { "entra.cli", "resty.entra.shared", "resty.entra.page", "resty.entra.host", "resty.entra.definition" },
  { "resty.entra.held", "resty.entra.obtain" },
  { "resty.entra.thread", "resty.entra.flight", "resty.entra.metrics", "resty.entra.status", "resty.entra.setup" },
  { "resty.entra" },
}

local function layer_of(name)
  local best, length
  for i, names in ipairs(LAYERS) do
    for _, prefix in ipairs(names) do
      local matches = name == prefix or name:sub(1, #prefix + 1) == prefix .. "." and prefix ~= "entra"
        and prefix ~= "resty.entra"
      if matches and (not length or #prefix > length) then
        best, length = i, #prefix
      end
    end
  end
  return assert(best, "no layer for " .. name)
end

describe("the architecture", function()
  it("lets nothing require upwards", function()
    for _, path in ipairs(FILES) do
      for name in pairs(requires_of(path)) do
        assert.is_true(layer_of(name) <= layer_of(module_of(path)), path .. " requires " .. name)
        assert.is_false(module_of(path):match("^resty") ~= nil and name:match("^entra%.cli") ~= nil, path)
      end
    end
  end)

  it("keeps the network behind one door", function()
    for _, path in ipairs(FILES) do
      if requires_of(path)["entra.http"] then
        assert.is_truthy(path == "lua/entra/exchange.lua" or path == "lua/entra/cli/main.lua", path)
      end
    end
  end)

  it("leaves standard output, the exit status and arguments to the CLI, and nginx to resty", function()
    for _, path in ipairs(FILES) do
      local code = code_of(path)
      if not path:find("^lua/entra/cli/") then
        for _, word in ipairs { "io%.std%a+", "os%.exit", "[^%w_.]print%s*%(", "[^%w_.]arg[^%w_]" } do
          assert.is_nil(code:find(word), path .. " mentions " .. word)
        end
      end
      if not path:find("^lua/resty/") then
        assert.is_nil(code:find("[^%w_]ngx[^%w_]"), path)
      end
    end
    for _, path in ipairs(lines_of("grep -rl 'io.stdout' lua || true")) do
      assert.equal("lua/entra/cli/main.lua", path)
    end
  end)

  it("keeps files within their room, and has no utils", function()
    for _, limit in ipairs { { "lua -name '*.lua'", 300 }, { "src -name '*.[ch]'", 500 } } do
      for _, path in ipairs(lines_of("find " .. limit[1])) do
        local _, n = shell.read(path):gsub("\n", "")
        assert.is_true(n <= limit[2], ("%s has %d lines"):format(path, n))
        assert.is_nil(path:find("util", 1, true))
      end
    end
  end)

  it("keeps C functions within sixty lines", function()
    for _, path in ipairs(lines_of("find src -name '*.c'")) do
      for body in shell.read(path):gmatch("\n{\n(.-\n)}\n") do
        local _, n = body:gsub("\n", "")
        assert.is_true(n <= 60, ("%s has a function of %d lines"):format(path, n))
      end
    end
  end)

  it("has a folder of specs that mirrors the code", function()
    -- These are specified where they are used.
    local elsewhere = {
      ["lua/entra/init.lua"] = "profile_spec", ["lua/entra/version.lua"] = "exchange_spec",
      ["lua/entra/flight.lua"] = "renewal_spec", ["lua/entra/keep.lua"] = "renewal_spec",
      ["lua/entra/way.lua"] = "sign_in_spec", ["lua/entra/credential/init.lua"] = "credential/secret_spec",
      ["lua/entra/store/memory.lua"] = "store/store_spec", ["lua/entra/store/sealed.lua"] = "store/store_spec",
      ["lua/entra/store/record.lua"] = "store/store_spec",
    }
    -- What is nginx's is specified in a running nginx, under the name of what it is seen to do.
    local seen_as = {
      [""] = "inject", definition = "setup", host = "setup", page = "failure", shared = "failure", held = "refresh",
      flight = "lifecycle", thread = "lifecycle", obtain = "store", status = "metrics",
    }
    for _, path in ipairs(FILES) do
      local resty = path:match("^lua/resty/entra/?(.*)%.lua$")
      if not path:find("^lua/entra/cli/") then
        local spec = elsewhere[path] and "entra/" .. elsewhere[path] or path:match("^lua/(.*)%.lua$") .. "_spec"
        spec = resty and "nginx/" .. (seen_as[resty] or resty) .. "_spec" or spec
        assert.is_string(shell.read("spec/" .. spec .. ".lua"), path .. " has no spec")
      end
    end
  end)

  it("lets only binding files see Lua, and no file see malloc where Lua can raise", function()
    for _, path in ipairs(lines_of("find src -name '*.[ch]'")) do
      local text = shell.read(path)
      local binding = path:match("/l[%w]+%.[ch]$") and not path:match("/listen") and not path:match("/lock")
      if binding or path == "src/compat.h" then
        assert.is_nil(text:find("malloc%s*%("), path)
      else
        assert.is_nil(text:find("<lua", 1, true), path)
        assert.is_nil(text:find("lua_State", 1, true), path)
      end
    end
  end)

  describe("of the C modules", function()
    local LIBRARIES = { core = "", host = "", loopback = "", crypto = "libcrypto.so.3 ", http = "libcurl.so.4 " }
    local folder = require("spec.support.tree") .. "/lib/lua/" .. _VERSION:match("%d+%.%d+") .. "/entra/"

    for name, libraries in pairs(LIBRARIES) do
      local path = folder .. name .. ".so"

      it(name .. " links one library, exports one symbol, and is hardened", function()
        local dynamic = shell.capture("readelf -dW " .. path)
        local needed = {}
        for library in dynamic:gmatch("NEEDED%)[^%[]*%[([^%]]+)%]") do
          if library ~= "libc.so.6" then
            needed[#needed + 1] = library .. " "
          end
        end
        assert.equal(libraries, table.concat(needed))
        assert.equal("luaopen_entra_" .. name, shell.capture("nm -D --defined-only " .. path .. " | awk '{print $3}'"))
        assert.matches("BIND_NOW", dynamic)
        assert.matches("NODELETE", dynamic)
        assert.matches("GNU_RELRO", shell.capture("readelf -lW " .. path))
      end)
    end
  end)

  it("lets a cached token load and open only what it needs", function()
    provider.reset()
    local ada = user.new()
    ada:daemon("production")
    ada:must("entra-auth-cli get-token -p production")
    local trace = ada:must([[
      strace -f -e trace=openat,execve -o ~/trace entra-auth-cli get-token -p production >/dev/null
      grep -v ENOENT ~/trace]]).out
    for _, word in ipairs { "libcurl", "argparse", "dkjson", "entra/http", "entra/loopback", "entra/renewal",
      "entra/exchange", "entra/grant", "entra/cli/options", "certificate", "legacy.so", ".lock" } do
      assert.is_nil(trace:find(word, 1, true), word)
    end
    local _, records = trace:gsub("%.rec\"", "")
    assert.equal(1, records)
    local _, keys = trace:gsub("entra%-auth%-cli/key\"", "")
    assert.equal(1, keys)
    assert.is_truthy(trace:find("libcrypto", 1, true))
    local _, programs = trace:gsub("execve%(", "")
    assert.equal(1, programs)
    for path in trace:gmatch('openat%(AT_FDCWD, "([^"]+)"') do
      assert.equal("/", path:sub(1, 1), "a path relative to the current folder: " .. path)
    end
    ada:remove()
  end)

  it("finds the system's certificates by their hash, without reading the bundle", function()
    provider.reset()
    local ada = user.new()
    ada:daemon("production")
    ada.environment.SSL_CERT_FILE = nil
    local result = ada:run("strace -f -e trace=file -o ~/trace entra-auth-cli get-token -p production; code=$?\n"
      .. "cat ~/trace; exit $code")
    assert.equal(4, result.status) -- the test CA is none of the system's
    assert.matches('"/etc/ssl/certs/%x+%.0"', result.out)
    assert.is_nil(result.out:find("ca-certificates.crt", 1, true))
    ada:remove()
  end)
end)
