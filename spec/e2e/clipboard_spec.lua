-- --clipboard: the token goes through a pipe to the desktop's own program, or through the terminal over SSH.
local expect = require("spec.support.expect")
local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("get-token --clipboard", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:daemon("production")
    -- The stand-ins keep what they are given.
    for _, name in ipairs { "wl-copy", "xclip", "xsel", "clip.exe" } do
      ada:stand_in(name, ('#!/bin/bash\ncat >~/clip; echo "%s $*" >~/used; env >~/seen\n'):format(name))
    end
  end)
  after_each(function() ada:remove() end)

  local COPY = "entra-auth-cli get-token -p production --clipboard"

  for _, case in ipairs {
    { "Wayland", { WAYLAND_DISPLAY = "wayland-0", DISPLAY = ":0" }, "wl-copy \n" },
    { "X11", { DISPLAY = ":0" }, "xclip -selection clipboard\n" },
    { "Windows around Linux", { WSL_DISTRO_NAME = "Debian" }, "clip.exe \n" },
  } do
    it("puts the token on the clipboard of " .. case[1] .. ", and not on stdout", function()
      local result = ada:run(COPY, nil, case[2])
      assert.equal(0, result.status, result.err)
      assert.equal("", result.out)
      assert.equal("The token is on the clipboard.\n", result.err)
      assert.equal(case[3], ada:must("cat ~/used").out)
      assert.equal(ada:must("entra-auth-cli get-token -p production").out, ada:must("cat ~/clip").out .. "\n")
    end)
  end

  it("goes on to the next program where one is missing or fails", function()
    ada:stand_in("xclip", "#!/bin/sh\nexit 1\n")
    ada:must(COPY, nil, { DISPLAY = ":0" })
    assert.equal("xsel --clipboard --input\n", ada:must("cat ~/used").out)
  end)

  it("keeps the token out of the program's arguments and environment", function()
    ada:must(COPY, nil, { DISPLAY = ":0" })
    assert.is_nil(ada:must("cat ~/used ~/seen").out:find("eyJ", 1, true))
  end)

  it("asks the terminal at the person's end over SSH (OSC 52)", function()
    local result = ada:run("script -qec '" .. COPY .. "' /dev/null", nil, { SSH_TTY = "/dev/pts/1" })
    assert.equal(0, result.status)
    local base64 = result.out:match("\27%]52;c;([%w+/]+=*)\7")
    assert.is_string(base64, result.out)
    assert.equal(ada:must("entra-auth-cli get-token -p production").out, ada:must("base64 -d", base64).out .. "\n")
  end)

  it("says what is missing where no clipboard can be reached", function()
    expect.failure(ada:run(COPY), 1, "no clipboard can be reached from here",
      "install wl-clipboard, xclip or xsel, or leave out --clipboard")
    expect.failure(ada:run(COPY, nil, { SSH_TTY = "/dev/pts/1" }), 1)
  end)

  it("takes a device code too", function()
    provider.settings { auto_approve = true, device_interval = 0 }
    ada:person("me")
    local result = ada:run("entra-auth-cli get-token -p me --flow device-code --clipboard", nil, { DISPLAY = ":0" })
    assert.equal(0, result.status)
    assert.matches("enter the code %(it is on the clipboard%):", result.err)
    assert.matches("^eyJ", ada:must("cat ~/clip").out)
  end)
end)
