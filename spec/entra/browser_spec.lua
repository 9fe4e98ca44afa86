local browser = require("entra.browser")

local URL = "https://idp.example/authorize?a=1&b=%20%s"

describe("entra.browser", function()
  local function commands(environment)
    local out = {}
    for i, argv in ipairs(browser.commands(URL, function(name) return environment[name] end)) do
      out[i] = table.concat(argv, "|")
    end
    return out
  end

  it("reads $BROWSER as others do: colons between commands, blanks between words, %s or the end", function()
    assert.same({ "firefox|" .. URL, "w3m|-T|text/html|" .. URL .. "|--now", "lynx|--url=" .. URL },
      commands { BROWSER = "firefox:w3m -T  text/html %s --now::lynx --url=%s" })
  end)

  it("asks the desktop, and only where there is one", function()
    assert.same({ "xdg-open|" .. URL }, commands { DISPLAY = ":0" })
    assert.same({ "xdg-open|" .. URL }, commands { WAYLAND_DISPLAY = "wayland-0" })
    assert.same({}, commands {})
    assert.same({}, commands { DISPLAY = "", BROWSER = "" })
  end)

  it("knows Windows around Linux, and macOS", function()
    assert.same({ "wslview|" .. URL, "explorer.exe|" .. URL }, commands { WSL_DISTRO_NAME = "Debian" })
    assert.same({ "/usr/bin/open|" .. URL }, commands { __CF_USER_TEXT_ENCODING = "0x1F5:0:0" })
  end)

  it("puts $BROWSER first", function()
    assert.equal("firefox|" .. URL, commands { BROWSER = "firefox", DISPLAY = ":0", WSL_INTEROP = "x" }[1])
  end)

  it("goes on to the next command where one is missing, and says what it tried", function()
    local function environment(value)
      return function(name) return name == "BROWSER" and value or nil end
    end
    assert.is_true(browser.open(URL, environment("/nonexistent/browser:true")))
    local ok, err = browser.open(URL, environment("/nonexistent/browser:/nonexistent/other"))
    assert.is_nil(ok)
    assert.equal("no_browser", err.code)
    assert.matches("/nonexistent/browser.*/nonexistent/other", err.message)
    assert.equal("no_browser", select(2, browser.open(URL, function() end)).code)
  end)
end)
