--- The state of each profile, for a health check.
-- @module resty.entra.status

local cjson = require("cjson.safe")
local held = require("resty.entra.held")

local status = {}

local function of(entry)
  local now, pool = ngx.now(), entry.site.shared
  held.look(entry, now)
  local failure = pool:failure(entry.key)
  local err = failure and failure.error
  return {
    -- `none`: nobody has asked yet.
    state = entry.bearer and (err and "failing" or "ok") or err and "failed" or "none",
    expires_in = entry.bearer and math.floor(entry.expires - now) or nil,
    retry_in = failure and math.max(0, math.ceil(failure.wait_until - now)) or nil,
    error = err and { kind = err.kind, code = err.code, aadsts = err.aadsts } or nil,
    in_flight = pool:holder(entry.key) ~= nil,
  }
end

--- Answer the request: `{"ok":true,"profiles":{"api":{"state":"ok","expires_in":3000,"in_flight":false}}}`.
function status.answer(entries)
  local ok, profiles = true, {}
  for name, entry in pairs(entries) do
    profiles[name] = of(entry)
    ok = ok and profiles[name].state ~= "failed"
  end
  ngx.status = ok and ngx.HTTP_OK or ngx.HTTP_SERVICE_UNAVAILABLE
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(cjson.encode { ok = ok, profiles = profiles }, "\n")
end

return status
