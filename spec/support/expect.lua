-- What a run of the CLI must look like from outside.
local assert = require("luassert")

local expect = {}

-- A text that begins with "^" is a pattern, any other is meant exactly.
local function same(wanted, text)
  if wanted:sub(1, 1) == "^" then
    assert.matches(wanted, text)
  else
    assert.equal(wanted, text)
  end
end

-- Nothing that a terminal would act on: C0 but the line end, DEL, C1, bidirectional controls.
function expect.harmless(text)
  assert.is_nil(text:match("[%z\1-\9\11-\31\127]"), "a control character in: " .. ("%q"):format(text))
  assert.is_nil(text:match("\194[\128-\159]"), "a C1 control in: " .. ("%q"):format(text))
  assert.is_nil(text:match("\226\128[\142\143\168-\174]"), "a bidi control in: " .. ("%q"):format(text))
  assert.is_nil(text:match("\226\129[\166-\169]"), "a bidi isolate in: " .. ("%q"):format(text))
end

-- Lines in the order `Error:`, then at most one `Hint:`, then at most one `Details:`, and no more.
function expect.complaint(text)
  expect.harmless(text)
  local rest = text
  local function take(word)
    local line, after = rest:match("^" .. word .. ": ([^\n]+)\n(.*)$")
    rest = after or rest
    return line
  end
  local said = { error = take("Error"), hint = take("Hint"), details = take("Details") }
  assert.is_string(said.error, "no 'Error: …' line: " .. text)
  assert.equal("", rest)
  return said
end

-- A failure: this status, nothing on stdout, the complaint and nothing else on stderr. `error`, `hint`
-- and `details` are texts or patterns; `false` means that there must be none.
function expect.failure(result, status, error, hint, details)
  assert.equal("", result.out)
  local said = expect.complaint(result.err)
  assert.equal(status, result.status, result.err)
  for _, each in ipairs { { error, said.error }, { hint, said.hint }, { details, said.details } } do
    if each[1] then
      assert.is_string(each[2], "missing a line in: " .. result.err)
      same(each[1], each[2])
    elseif each[1] == false then
      assert.is_nil(each[2])
    end
  end
  return said
end

-- Exactly a JWT and one newline on stdout, nothing on stderr. Returns the token.
function expect.token(result)
  assert.equal("", result.err)
  assert.equal(0, result.status)
  local token = result.out:match("^(eyJ[%w_-]+%.[%w_-]+%.[%w_-]+)\n$")
  assert.is_string(token, "not a token and one newline: " .. result.out)
  return token
end

return expect
