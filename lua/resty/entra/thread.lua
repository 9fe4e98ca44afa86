--- What runs in a pool thread. nginx loads this file on the event loop: it is tiny, and loads the rest itself.
-- @module resty.entra.thread

local thread = {}

--- Obtain a token and put it where all workers see it: see `resty.entra.obtain`.
-- A raised error would arrive empty, so none is raised.
-- @tparam table job plain values only
-- @treturn table plain values only
function thread.run(job)
  local ok, result = pcall(function() return require("resty.entra.obtain").run(job) end)
  -- A Lua state that works once in half an hour would never collect by itself; here it holds nobody up.
  collectgarbage()
  if ok then
    return result
  end
  return { error = { kind = "internal", code = "thread", message = tostring(result) } }
end

return thread
