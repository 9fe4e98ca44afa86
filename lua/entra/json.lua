--- JSON: fast where a cached token is served, exact where people's files and results are written.
--
-- lua-cjson reads and writes what only entra sees. It cannot tell `[]` from
-- `{}`, so what belongs to a person goes through dkjson, which can, and which
-- names line and column of a mistake.
--
-- @module entra.json

local json = {}

local cjson = require("cjson").new()
cjson.decode_max_depth(32)
cjson.decode_invalid_numbers(false)
cjson.encode_invalid_numbers(false)
cjson.encode_number_precision(14)

--- Decode an object, quickly. `null` members are absent.
-- @treturn table|nil nil for anything but a JSON object
function json.decode(text)
  local ok, value = pcall(cjson.decode, text)
  if not ok or type(value) ~= "table" then
    return nil
  end
  return value
end

--- Encode a table, compactly.
function json.encode(value)
  return cjson.encode(value)
end

--- Is this lua-cjson's `null`?
function json.is_null(value)
  return value == cjson.null
end

--- Decode a person's file; what it holds is kept exactly, empty arrays and nulls included.
-- @treturn any|nil the value
-- @treturn string what is wrong, with line and column
function json.read(text)
  local dkjson = require("dkjson")
  local value, next_char, problem = dkjson.decode(text, 1, dkjson.null)
  if problem then
    return nil, problem
  end
  local rest = text:find("[^ \t\r\n]", next_char)
  if rest then
    local line_start = text:sub(1, rest - 1):match(".*\n()") or 1
    local _, lines = text:sub(1, rest - 1):gsub("\n", "")
    return nil, ("unexpected text at line %d, column %d"):format(lines + 1, rest - line_start + 1)
  end
  return value
end

--- Encode for people: indented, members in the given order, the others after them by name.
-- @tparam any value
-- @tparam[opt] {string,...} order
function json.write(value, order)
  local names, seen = {}, {}
  for _, name in ipairs(order or {}) do
    names[#names + 1], seen[name] = name, true
  end
  local rest = {}
  local function collect(node)
    for key, child in pairs(node) do
      if type(key) == "string" and not seen[key] then
        seen[key] = true
        rest[#rest + 1] = key
      end
      if type(child) == "table" then
        collect(child)
      end
    end
  end
  if type(value) == "table" then
    collect(value)
  end
  table.sort(rest)
  for _, name in ipairs(rest) do
    names[#names + 1] = name
  end
  return (require("dkjson").encode(value, { indent = true, keyorder = names }))
end

--- An array that stays one when it is empty.
function json.array(list)
  return setmetatable(list or {}, { __jsontype = "array" })
end

return json
