-- SECURITY.md names the proof of each promise: the proofs are there.
local shell = require("spec.support.shell")

local TEXT = shell.read("SECURITY.md")

-- Is there a test of this name? A name that is put together in a loop begins with it.
local function has_test(path, name)
  local source = shell.read(path)
  for _, opening in ipairs { 'it("', 'it(("' } do
    local _, stop = source:find(opening .. name, 1, true)
    local after = stop and source:sub(stop + 1, stop + 4)
    if after and (after:match('^"') or after:match('^, "')) then
      return true
    end
  end
  return false
end

describe("SECURITY.md", function()
  local function rows_of(heading)
    return TEXT:match("\n| " .. heading .. " |[^\n]*\n|[-|]+\n(.-)\n\n"):gmatch("[^\n]+")
  end

  it("names a proof that exists for each threat", function()
    local threats = 0
    for row in rows_of("threat") do
      local named = 0
      for path in row:match("|([^|]*)|$"):gmatch("`([^`]+)`") do
        assert.is_string(shell.read(path), path)
        named = named + 1
      end
      assert.is_true(named > 0, row)
      threats = threats + 1
    end
    assert.is_true(threats >= 8)
  end)

  it("names a test that exists for each promise", function()
    local promises, seen = 0, {}
    for row in rows_of("promise") do
      local promise, path, name = row:match("^| (.-) | `(spec/[^`]+)` | (.-) |$")
      assert.is_string(promise, row)
      assert.is_true(has_test(path, name), ("%s has no test '%s'"):format(path, name))
      assert.is_nil(seen[promise], promise)
      seen[promise], promises = true, promises + 1
    end
    assert.is_true(promises > 30)
  end)
end)
