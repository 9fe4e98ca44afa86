--- What one worker holds of a profile: the finished header value, and what it has to count.
--
-- The shared dictionary is looked at again after a second, so that a new token
-- or a purge by another worker is seen; in between, a request costs a table
-- look-up and a comparison.
--
-- @module resty.entra.held

local shared = require("resty.entra.shared")

local held = {}

local AGAIN = 1 -- seconds for which the shared dictionary is not looked at

-- What is counted here and added up in the shared dictionary once a second.
local COUNTED = { "requests", "node_hits", "misses" }

--- What a worker knows of a profile at first: nothing.
-- @tparam string name
-- @tparam table definition see `resty.entra.definition`
-- @tparam string key the profile's identity
-- @tparam table site `shared`, `pool`, `timeout`: what all profiles have in common
function held.new(name, definition, key, site)
  return { name = name, definition = definition, key = key, site = site, look_at = 0,
    requests = 0, node_hits = 0, misses = 0 }
end

--- Look into the shared dictionary. Afterwards `entry.bearer` is the header's value, or nil.
-- @treturn boolean whether the next token should be fetched now
function held.look(entry, now)
  local record = entry.site.shared:record(entry.key)
  if record ~= entry.record then
    entry.record, entry.bearer = record, nil
    if record then
      entry.bearer, entry.expires, entry.refresh = shared.parse(record)
    end
  end
  if entry.bearer and now >= entry.expires then
    entry.bearer, entry.record = nil, nil
  end
  entry.look_at = entry.bearer and math.min(now + AGAIN, entry.expires) or 0
  return entry.bearer ~= nil and now >= entry.refresh
end

--- Add this worker's counts to everybody's.
function held.flush(entry)
  for _, name in ipairs(COUNTED) do
    if entry[name] > 0 then
      entry.site.shared:count(name .. "|" .. entry.name, entry[name])
      entry[name] = 0
    end
  end
end

local function flush_later(_, entry) -- at a worker's exit too
  entry.flushing = nil
  held.flush(entry)
end

--- See to it that what is counted is added up soon.
function held.flush_soon(entry)
  if not entry.flushing then
    entry.flushing = ngx.timer.at(AGAIN, flush_later, entry)
  end
end

return held
