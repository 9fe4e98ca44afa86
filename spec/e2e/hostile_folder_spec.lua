local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local shell = require("spec.support.shell")
local user = require("spec.support.user")

local MODULES = { "cjson", "cjson/safe", "argparse", "dkjson", "entra", "entra/init", "entra/version", "entra/json",
  "entra/errors", "entra/cli/main", "entra/cli/options" }
local LIBRARIES = { "cjson", "entra/core", "entra/crypto", "entra/http", "entra/host", "lib/libcurl.so.4", "dkjson" }

-- A library that leaves a mark as soon as it is loaded.
local TRAP = [[
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void trap(void)
{
	int fd = open("%s", O_CREAT | O_WRONLY, 0600);
	if (fd >= 0)
		close(fd);
}
]]

describe("a folder full of traps", function()
  local ada, folder, marker

  local function plant()
    folder, marker = ada.home .. "/trap", ada.home .. "/sprung"
    ada:must("mkdir -p $HOME/trap/entra/cli $HOME/trap/cjson $HOME/trap/lib")
    for _, name in ipairs(MODULES) do
      shell.write(("%s/%s.lua"):format(folder, name), ("io.open(%q, 'w'):close()\nreturn {}\n"):format(marker))
    end
    shell.write(ada.home .. "/trap.c", TRAP:format(marker))
    ada:must("gcc -shared -fPIC -o $HOME/trap.so $HOME/trap.c")
    for _, name in ipairs(LIBRARIES) do
      ada:must(("cp $HOME/trap.so $HOME/trap/%s"):format(name:find(".so", 1, true) and name or name .. ".so"))
    end
    ada:must("cp $HOME/trap.so $HOME/trap/libcurl.so.4")
  end

  before_each(function()
    provider.reset()
    ada = user.new()
    plant()
  end)

  after_each(function()
    ada:remove()
  end)

  local function is_sprung()
    return os.remove(marker) ~= nil
  end

  it("springs for a program that looks there", function()
    for _, script in ipairs { "require 'cjson'", "require 'entra'", "package.loadlib('./entra/core.so', '*')" } do
      ada:run(("cd $HOME/trap && LUA_PATH='./?.lua;;' %s -e %q"):format(arg[-1] or "lua5.4", script))
      assert.is_true(is_sprung(), script)
    end
  end)

  local CLI = user.PREFIX .. "/bin/entra-auth-cli"
  local WAYS = {
    ["found in PATH"] = "entra-auth-cli",
    ["by its absolute path"] = CLI,
    ["by a relative path"] = '"$(realpath --relative-to=. ' .. CLI .. ')"',
    ["through a symbolic link"] = "$HOME/link",
    ["through a link in the folder"] = "./link",
    ["through a chain of links in PATH"] = "ea",
  }
  local PATHS = {
    { "", {} },
    { " and LUA_PATH names the folder", { LUA_PATH = "./?.lua;?.lua;./?/init.lua;;", LUA_CPATH = "./?.so;?.so;;" } },
    { " and LUA_PATH_5_4 names the folder", { LUA_PATH_5_4 = "./?.lua;;", LUA_CPATH_5_4 = "./?.so;;",
      LUA_PATH_5_1 = "./?.lua;;", LUA_CPATH_5_1 = "./?.so;;" } },
  }
  -- Each with the exit status it has.
  local COMMANDS = {
    { "get-token -p app", 0 }, { "get-token -p app --force -o json", 0 }, { "get-token -p me -v", 0 },
    { "refresh -p me", 0 }, { "inspect -p app", 0 }, { "inspect -p me -o json", 0 }, { "config list -o json", 0 },
    { "config show -p me", 0 }, { "config use app", 0 },
    { "config create -n new --tenant contoso.com --client-id 00000000-0000-4000-8000-000000000000", 0 },
    { "config delete -p new", 0 }, { "--version", 0 }, { "--help", 0 }, { "refresh --help", 0 }, { "nonsense", 1 },
    { "get-token -p nobody", 2 }, { "refresh -p app", 3 }, { "inspect x", 4 },
  }

  for way, name in pairs(WAYS) do
    for _, path in ipairs(PATHS) do
      it(("springs for no command of the CLI, called %s%s"):format(way, path[1]), function()
        ada:daemon("app")
        ada:person("me", true)
        ada:must(("ln -s %s $HOME/link; ln -s %s $HOME/trap/link; mkdir $HOME/bin; ln -s ../link $HOME/bin/ea"):format(
          CLI, CLI))
        ada.environment.PATH = ada.home .. "/bin:" .. ada.environment.PATH
        for _, command in ipairs(COMMANDS) do
          local result = ada:run(("cd $HOME/trap && %s %s"):format(name, command[1]), nil, path[2])
          assert.same({ command[1], command[2], false }, { command[1], result.status, is_sprung() }, result.err)
        end
      end)
    end
  end

  it("does not matter: the CLI works from a folder that is gone, or closed", function()
    ada:daemon("default")
    expect.token(ada:run("mkdir $HOME/gone && cd $HOME/gone && rmdir $HOME/gone && entra-auth-cli get-token"))
    ada:must("mkdir -m 000 $HOME/closed")
    expect.token(ada:run("cd $HOME/closed && entra-auth-cli get-token --force"))
    expect.token(ada:run("cd / && entra-auth-cli get-token"))
  end)
end)
