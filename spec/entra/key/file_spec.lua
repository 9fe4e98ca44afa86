local file = require("entra.key.file")
local shell = require("spec.support.shell")

describe("entra.key.file", function()
  local dir

  before_each(function() dir = shell.folder() end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  it("has no key, and no error, before one is made", function()
    assert.same({}, { file.load(dir) })
  end)

  it("makes a key of 32 bytes with an id of 8, for the user alone, and finds it again", function()
    local key = assert(file.create(dir))
    assert.same({ 8, 32 }, { #key.id, #key.bytes })
    assert.same(key, file.load(dir))
    assert.equal("600 40", shell.capture("stat -c '%a %s' " .. dir .. "/key"))
    assert.equal("key", shell.capture("ls -A " .. dir))
  end)

  it("makes another key for every store", function()
    os.execute("mkdir " .. dir .. "/other")
    local one, other = file.create(dir), file.create(dir .. "/other")
    assert.not_equal(one.bytes, other.bytes)
    assert.not_equal(one.id, other.id)
  end)

  it("takes the key of whoever was faster", function()
    local winner = file.create(dir)
    assert.same(winner, file.create(dir))
  end)

  it("refuses a damaged key, a link and a wide mode, and never makes a new one instead", function()
    file.create(dir)
    for _, case in ipairs {
      { "head -c 39 key.good >key", "damaged" }, { "cat key.good >key; echo >>key", "damaged" },
      { ": >key", "damaged" },
      { "cat key.good >key; chmod 640 key", "mode" }, { "ln -sf key.good key", "symlink" },
      { "rm key; mkdir key", "not_regular" },
    } do
      os.execute(("cd %s && { test -e key.good || cp -p key key.good; rm -rf key; cp -p key.good key; %s; }"):format(
        dir, case[1]))
      for _, verb in ipairs { "load", "create" } do
        local key, err = file[verb](dir)
        assert.is_nil(key, case[1])
        assert.equal(case[2], err.code, case[1])
        assert.equal("store", err.kind)
      end
    end
  end)

  it("says what to do about a wide mode", function()
    file.create(dir)
    os.execute("chmod 644 " .. dir .. "/key")
    assert.equal(("chmod 600 '%s/key'"):format(dir), select(2, file.load(dir)).hint)
  end)

  it("fails with the folder's error where no key can be made", function()
    local key, err = file.create(dir .. "/none")
    assert.is_nil(key)
    assert.equal("ENOENT", err.code)
  end)
end)
