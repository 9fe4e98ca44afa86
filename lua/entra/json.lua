--- JSON: fast where a cached token is served, exact where people's files and results are written.
--
-- lua-cjson reads and writes what only entra sees. It cannot tell `[]` from
-- `{}`, so what belongs to a person goes through dkjson, which can, and which
-- names line and column of a mistake.
--
-- @module entra.json

local json = {}

local DEPTH_MAX = 32

local cjson = require("cjson").new()
cjson.decode_max_depth(DEPTH_MAX)
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

--- Encode an object compactly, its members in the order given.
-- @tparam {{string,any},...} members
function json.ordered(members)
  local parts = {}
  for i, member in ipairs(members) do
    parts[i] = cjson.encode(member[1]) .. ":" .. cjson.encode(member[2])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Is this a `null`, as `decode` or as `read` returns it?
function json.is_null(value)
  local dkjson = package.loaded["dkjson"]
  return value == cjson.null or dkjson ~= nil and value == dkjson.null
end

-- Nesting costs dkjson stack to read and, indented, square time to write.
local function is_too_deep(text)
  local depth = 0
  for bracket in text:gsub("\\.", ""):gsub('"[^"]*"', ""):gmatch("[%[%]{}]") do
    depth = depth + ((bracket == "{" or bracket == "[") and 1 or -1)
    if depth > DEPTH_MAX then
      return true
    end
  end
  return false
end

-- What lua-cjson calls its tokens, in a person's words.
local TOKEN = { T_OBJ_BEGIN = "'{'", T_OBJ_END = "'}'", T_ARR_BEGIN = "'['", T_ARR_END = "']'", T_COLON = "':'",
  T_COMMA = "','", T_STRING = "a string", T_NUMBER = "a number", T_INTEGER = "a number", T_BOOLEAN = "a boolean",
  T_NULL = "null", T_END = "the end" }

-- "Expected value but found T_ARR_END at character 25" -> "expected value but found ']' at line 2, column 7"
local function explain(problem, text)
  local words, at = problem:match("^(.*) at character (%d+)")
  if not words then
    return problem
  end
  local before = text:sub(1, at - 1)
  local _, line_ends = before:gsub("\n", "")
  words = words:gsub("^%u", string.lower):gsub("T_[%u_]+", TOKEN)
  return ("%s at line %d, column %d"):format(words, line_ends + 1, #before:match("[^\n]*$") + 1)
end

--- Decode a person's file; what it holds is kept exactly, empty arrays and nulls included.
-- @treturn any|nil the value
-- @treturn string what is wrong, with line and column
function json.read(text)
  if is_too_deep(text) then
    return nil, "nested too deep"
  end
  -- lua-cjson is the strict one: dkjson lets comments and trailing commas pass.
  local ok, problem = pcall(cjson.decode, text)
  if not ok then
    return nil, explain(problem, text)
  end
  local dkjson = require("dkjson")
  local value, _, complaint = dkjson.decode(text, 1, dkjson.null)
  if complaint then
    return nil, complaint
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
