local child = require("spec.support.child")
local remedy = require("entra.remedy")
local shell = require("spec.support.shell")

describe("entra.remedy", function()
  it("names one command for what may not be trusted", function()
    for _, case in ipairs {
      { "file", "mode", "chmod 600 '/a'" }, { "folder", "mode", "chmod 700 '/a'" },
      { "profiles", "mode", "chmod go-w,u+r '/a'" }, { "config", "mode", "chmod 700 '/a'" },
      { "file", "symlink", "rm '/a'" }, { "folder", "not_folder", "mv '/a' '/a'.old" },
      { "profiles", "not_regular", "mv '/a' '/a'.old" },
    } do
      assert.equal(case[3], remedy.of(case[1], case[2], "/a"))
      assert.is_true(remedy.is_refusal(case[2]))
    end
  end)

  it("names a way out where there is no right to write, or no room, and is silent on the rest", function()
    assert.matches("^set XDG_STATE_HOME", remedy.of("folder", "EROFS", "/a"))
    assert.matches("^set ENTRA_AUTH_CLI_HOME", remedy.of("config", "EACCES", "/a"))
    assert.equal("make room on the disk that holds '/a'", remedy.of("file", "ENOSPC", "/a"))
    assert.equal("check the disk that holds '/a'", remedy.of("file", "EIO", "/a"))
    assert.is_nil(remedy.of("file", "timeout", "/a"))
    for _, code in ipairs { "EROFS", "EACCES", "ENOSPC", "EIO", "timeout" } do
      assert.is_false(remedy.is_refusal(code))
    end
  end)

  it("gives to ordinary users by sudo, and does not let root take a folder from its owner", function()
    if shell.capture("id -u") ~= "0" then
      pending("needs root, to be two users")
    end
    local code = [[
      local remedy = require("entra.remedy")
      print(remedy.of("file", "owner", "/a"))
      print(remedy.of("folder", "owner", "/a"))]]
    assert.equal("sudo chown 65534 '/a'\n"
      .. "sudo chown -R 65534 '/a'  # or set ENTRA_AUTH_CLI_HOME to a folder of your own\n",
      child(code, nil, "setpriv --reuid=65534 --regid=65534 --clear-groups").out)
    assert.equal("chown 0 '/a'\nrun this as the user whose it is, or set ENTRA_AUTH_CLI_HOME to a folder of your own\n",
      child(code).out)
  end)

  it("quotes whatever a path may hold", function()
    for _, path in ipairs { "/a b", "/o'brien", "/$HOME", "/`id`", "/%s%d", "/'" } do
      assert.equal(path, shell.capture("printf %s " .. remedy.quote(path)))
      assert.equal("chmod 600 " .. remedy.quote(path), remedy.of("file", "mode", path))
    end
  end)
end)
