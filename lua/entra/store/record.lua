--- One sealed record, as bytes: AES-256-GCM.
--
-- The name of the entry stands in the header, and header and name are
-- authenticated with the contents, so that records cannot stand in for one
-- another.
--
-- @module entra.store.record

local core = require("entra.core")
local json = require("entra.json")

local record = {}

-- A fault of the record itself, as opposed to one of the version. A fault of the key never gets here: it says
-- nothing about the records, which open again once the key is mended.
local BROKEN = { damaged = true, forged = true, other_key = true, no_key = true }

local function wrong(message, code)
  return nil, message, code, BROKEN[code]
end

--- Seal an entry.
-- @tparam table key `id` and `bytes`
-- @tparam string name of the entry
-- @tparam table body
-- @tparam table about `expires_on`, `refresh_on` for the header
-- @treturn string|nil
-- @treturn entra.errors kind `crypto`
function record.seal(key, name, body, about)
  local crypto = require("entra.crypto")
  local nonce = crypto.random(12)
  local head = nonce and core.record_head {
    name = name, key_id = key.id, nonce = nonce, expires_on = about.expires_on, refresh_on = about.refresh_on,
  }
  local bytes = head and crypto.seal(key.bytes, nonce, head, json.encode(body))
  if not bytes then
    return nil, require("entra.errors").new("crypto", "cannot seal the record", { code = "seal" })
  end
  return head .. bytes
end

--- Open what should be the record of an entry.
-- @tparam table|nil key
-- @tparam string name of the entry
-- @tparam string bytes
-- @treturn table|nil the body
-- @treturn string what is wrong
-- @treturn string the code of that
-- @treturn boolean|nil whether it can never be opened any more
function record.open(key, name, bytes)
  local parts, message, code = core.record_parse(bytes)
  if not parts then
    return wrong(message, code)
  end
  if parts.name ~= name then
    return wrong("it belongs to another entry", "forged")
  end
  if not key then
    return wrong("the key it was sealed with is gone", "no_key")
  end
  if key.id ~= parts.key_id then
    return wrong("it was sealed with another key", "other_key")
  end
  local plain
  plain, message, code = require("entra.crypto").unseal(key.bytes, parts.nonce, parts.head, parts.sealed)
  if not plain then
    return wrong(message, code)
  end
  local body = json.decode(plain)
  if not body then
    return wrong("its contents are not JSON", "damaged")
  end
  return body
end

return record
