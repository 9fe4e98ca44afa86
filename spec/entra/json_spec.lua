local json = require("entra.json")

describe("entra.json", function()
  it("keeps members in their order where that is asked for", function()
    local members = {}
    for i = 1, 20 do
      members[i] = { "m" .. i, i % 2 == 0 and 1700000000 + i or 'text "' .. i }
    end
    local text = json.ordered(members)
    local at = 0
    for i, member in ipairs(members) do
      local found = text:find(('"m%d":'):format(i), at + 1, true)
      assert.is_true(found > at)
      at = found
      assert.equal(member[2], json.decode(text)[member[1]])
    end
    assert.equal('{"a":1700000000,"b":["x"]}', json.ordered { { "a", 1700000000 }, { "b", { "x" } } })
    assert.equal("{}", json.ordered {})
  end)

  it("decodes objects, and nothing that is not JSON", function()
    assert.same({ a = { 1, 2 } }, json.decode('{"a":[1,2]}'))
    for _, text in ipairs { "", "{", "3", '"x"', "{} x", "nan", '{"a":NaN}', ("["):rep(100) } do
      assert.is_nil(json.decode(text), text)
    end
  end)

  it("carries any bytes there and back", function()
    local secret = "S3~x%&=+/é\0\27\255\"\\"
    assert.equal(secret, json.decode(json.encode { s = secret }).s)
  end)

  it("names line and column of a mistake in a person's file", function()
    for text, where in pairs { ['{\n "a": 1,\n}'] = "line 3, column 1", ['{"a":1}\n x'] = "line 2, column 2" } do
      local value, problem = json.read(text)
      assert.is_nil(value)
      assert.matches(where, problem)
    end
  end)

  it("refuses to nest too deep, without falling over", function()
    local value, problem = json.read(('{"a":'):rep(10000) .. "1" .. ("}"):rep(10000))
    assert.is_nil(value)
    assert.matches("deep", problem)
    assert.is_table(json.read(('{"a":'):rep(30) .. '"[[[[]]]]{{{{"' .. ("}"):rep(30)))
  end)

  it("writes members in order, and an empty array as one", function()
    local text = json.write({ b = 1, a = json.array(), z = { y = 1, x = 2 } }, { "z", "a" })
    assert.equal('{"z":{"x":2,"y":1},"a":[],"b":1}', (text:gsub("%s", "")))
  end)

  it("knows a null, whichever way it was read", function()
    assert.is_true(json.is_null(json.decode('{"a":null}').a))
    assert.is_true(json.is_null(json.read('{"a":null}').a))
    for _, other in ipairs { {}, "", 0, false, json.decode('{"a":{}}').a, json.read('{"a":[]}').a } do
      assert.is_false(json.is_null(other))
    end
    assert.is_false(json.is_null(nil))
  end)
end)
