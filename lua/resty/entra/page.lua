--- What a client is told where there is no token: no more than that, and when to come back.
-- @module resty.entra.page

local page = {}

--- Answer 503 with a Retry-After, and end the request.
-- @tparam number|nil seconds until another attempt makes sense
function page.unavailable(seconds)
  -- nginx's clock stands still between events: a hundredth more is no second more.
  local wait = math.max(1, math.ceil((seconds or 1) - 0.01))
  ngx.status = ngx.HTTP_SERVICE_UNAVAILABLE
  ngx.header["Retry-After"] = wait
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(('{"error":"token_unavailable","retry_after":%d}\n'):format(wait))
  return ngx.exit(ngx.HTTP_SERVICE_UNAVAILABLE)
end

return page
