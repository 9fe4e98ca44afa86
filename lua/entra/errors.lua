--- What went wrong, as a value.
--
-- Every failure at run time is returned as `nil, err`; only a programmer's mistake raises. `tostring(err)` is the
-- message. No field ever holds a token, a secret, a code or an assertion; what a server said in prose is one line
-- without control characters.
--
-- @module entra.errors

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

--- An error.
-- @table fields
-- @tfield string kind what programs decide by: `usage`, `config`, `credential`, `oauth` (Entra refused), `interaction`
--   (a person must act), `network`, `timeout`, `store`, `crypto`, `cancelled`, `internal`
-- @tfield ?string code more closely: an OAuth error (RFC 6749 §5.2, RFC 8628 §3.5), or a word of ours
-- @tfield string message one sentence, lower case, without a full stop
-- @tfield ?string hint the next command or step
-- @tfield ?number status of HTTP
-- @tfield ?number aadsts Entra's error number; Microsoft may change it: show it, never branch on it
-- @tfield ?string suberror Entra's, beside `invalid_grant`
-- @tfield ?string correlation_id what Microsoft's support asks for, as are the next two
-- @tfield ?string trace_id
-- @tfield ?string timestamp
-- @tfield ?number retry_after seconds to wait before asking again (RFC 9110 §10.2.3)
-- @tfield ?string claims the claims challenge that came with a refusal: JSON text
-- @tfield ?entra.errors cause the error behind this one
-- @usage
-- local p = assert(entra.profile("production"))
-- local token, err = p:token { scope = "api://nobody/.default" }
-- if not token and err.kind == "oauth" then
--   print(err.code, err.aadsts, err.correlation_id)
-- end

--- @type entra.errors

--- Message and hint in one line, for a warning or a log.
-- @function line
-- @treturn string
-- @usage
-- local p, err = entra.profile("prodution")
-- if not p then
--   print(err:line()) -- profile 'prodution' not found; entra-auth-cli config list
-- end
function Error:line()
  return self.hint and self.message .. "; " .. self.hint or self.message
end

--- A copy of plain values, without metatable and `cause`: to cross a worker thread or to be written down.
-- @{from_plain} is the way back.
-- @function plain
-- @treturn table
-- @usage
-- local _, err = entra.profile("prodution")
-- local plain = err:plain()
-- assert(plain.code == "profile_not_found" and getmetatable(plain) == nil)
function Error:plain()
  local copy = {}
  for _, field in ipairs(PLAIN) do
    copy[field] = self[field]
  end
  return copy
end

--- Make an error; `fields` is taken over, not copied.
-- @local
function errors.new(kind, message, fields)
  if not KINDS[kind] then
    error("unknown kind of error: " .. tostring(kind), 2)
  end
  local err = fields or {}
  err.kind, err.message = kind, message
  return setmetatable(err, Error)
end

--- @section end

--- Is this value an error of entra's?
-- @param value anything
-- @treturn boolean
-- @usage
-- local errors = require("entra.errors")
-- local _, err = entra.profile("prodution")
-- assert(errors.is(err) and not errors.is("prodution"))
function errors.is(value)
  return getmetatable(value) == Error
end

--- The error that a plain copy was made from.
-- @tparam table plain of `err:plain()`
-- @treturn entra.errors|nil nil where it is anything else
-- @usage
-- local errors = require("entra.errors")
-- local _, err = entra.profile("prodution")
-- assert(tostring(errors.from_plain(err:plain())) == tostring(err))
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
