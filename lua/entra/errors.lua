--- What went wrong, as a value.
--
-- Every run-time failure in entra is returned as `nil, err`; only misuse by a
-- programmer raises. `tostring(err)` is the message. No field ever holds a
-- token, secret, code or assertion.
--
-- @module entra.errors
-- @field kind one of `usage`, `config`, `credential`, `oauth`, `interaction`
--   (a person must act), `network`, `timeout`, `store`, `crypto`, `cancelled`, `internal`
-- @field code for programs: an OAuth error (RFC 6749 §5.2), or a word of ours
-- @field message one sentence, lower case, without a full stop
-- @field hint the next command or step, where there is one
-- @field status HTTP status
-- @field aadsts Entra's error number; it may change, never branch on it
-- @field correlation_id, trace_id, timestamp what Microsoft's support asks for
-- @field retry_after seconds to wait before asking again
-- @field claims the claims challenge that came with a refusal (JSON text)
-- @field cause the error behind this one
-- @usage
-- local none, err = entra.profile("no-such-profile")
-- assert(err.kind == "config" and err.code == "profile_not_found")
-- print(err, err.hint)

local errors = {}

local KINDS = {
  usage = true, config = true, credential = true, oauth = true, interaction = true, network = true,
  timeout = true, store = true, crypto = true, cancelled = true, internal = true,
}

-- The fields that may cross a thread or a file; `cause` is not among them.
local PLAIN = {
  "kind", "code", "message", "hint", "status", "aadsts", "correlation_id", "trace_id", "timestamp",
  "retry_after", "claims", "suberror",
}

local Error = { __name = "entra.error" }
Error.__index = Error

function Error:__tostring()
  return self.message
end

--- Message and hint in one line, for a warning or a log.
-- @treturn string
function Error:line()
  return self.hint and self.message .. "; " .. self.hint or self.message
end

--- A copy of plain values only, without metatable: to cross a worker thread or to be written down.
-- `errors.from_plain` is the way back.
function Error:plain()
  local copy = {}
  for _, field in ipairs(PLAIN) do
    copy[field] = self[field]
  end
  return copy
end

--- Make an error.
-- @tparam string kind see above
-- @tparam string message one sentence, lower case, without a full stop
-- @tparam[opt] table fields any of the fields above; taken over, not copied
function errors.new(kind, message, fields)
  if not KINDS[kind] then
    error("unknown kind of error: " .. tostring(kind), 2)
  end
  local err = fields or {}
  err.kind, err.message = kind, message
  return setmetatable(err, Error)
end

--- Is this value one of ours?
function errors.is(value)
  return getmetatable(value) == Error
end

--- The error that `err:plain()` was made from, or nil for anything else.
function errors.from_plain(plain)
  if type(plain) ~= "table" or not KINDS[plain.kind] or type(plain.message) ~= "string" then
    return nil
  end
  local fields = {}
  for _, field in ipairs(PLAIN) do
    fields[field] = plain[field]
  end
  return setmetatable(fields, Error)
end

return errors
