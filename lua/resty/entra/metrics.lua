--- The text format of Prometheus. What other workers counted within the last second is not in it yet.
-- @module resty.entra.metrics

local held = require("resty.entra.held")
local shared = require("resty.entra.shared")

local metrics = {}

local function family(out, name, kind, help)
  out[#out + 1] = ("# HELP entra_%s %s\n# TYPE entra_%s %s\n"):format(name, help, name, kind)
end

local function sample(out, name, profile, labels, value)
  out[#out + 1] = ('entra_%s{profile="%s"%s} %.14g\n'):format(name, profile, labels, value)
end

local function exchanges(out, counts)
  family(out, "exchanges_total", "counter", "Requests for a token to Entra, by their result.")
  local keys = {}
  for key in pairs(counts) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local profile, result, aadsts = key:match("^exchanges|(.-)|(.-)|(.*)$")
    if profile then
      sample(out, "exchanges_total", profile, (',result="%s",aadsts="%s"'):format(result, aadsts), counts[key])
    end
  end
end

local function histogram(out, names, counts)
  family(out, "exchange_seconds", "histogram", "How long requests for a token took.")
  for _, name in ipairs(names) do
    for _, bound in ipairs(shared.SECONDS) do
      sample(out, "exchange_seconds_bucket", name, (',le="%s"'):format(bound),
        counts["seconds|" .. name .. "|" .. bound] or 0)
    end
    sample(out, "exchange_seconds_sum", name, "", counts["seconds_sum|" .. name] or 0)
    sample(out, "exchange_seconds_count", name, "", counts["seconds|" .. name .. "|+Inf"] or 0)
  end
end

-- Each family: what it is called, its kind, what it says, and a function that returns values by labels.
local FAMILIES = {
  { "requests_total", "counter", "Requests that asked for a token.", function(entry, counts)
    return { [""] = counts["requests|" .. entry.name] or 0 }
  end },
  { "hits_total", "counter", "Tokens found in the worker (l1), on the host (l2), in the store (l3).",
    function(entry, counts)
      local function of(name) return counts[name .. "|" .. entry.name] or 0 end
      return { [',level="l1"'] = math.max(0, of("requests") - of("node_hits") - of("misses")),
        [',level="l2"'] = of("node_hits"), [',level="l3"'] = of("store_hits") }
    end },
  { "misses_total", "counter", "Requests that found no token.", function(entry, counts)
    return { [""] = counts["misses|" .. entry.name] or 0 }
  end },
  { "token_expiry_seconds", "gauge", "Seconds until the present token expires, 0 for none.", function(entry)
    return { [""] = entry.bearer and entry.expires - ngx.now() or 0 }
  end },
  { "exchanges_in_flight", "gauge", "Whether a token is being fetched.", function(entry)
    return { [""] = entry.site.shared:holder(entry.key) and 1 or 0 }
  end },
  { "negative_cache_seconds", "gauge", "Seconds until a failed exchange is tried again.", function(entry)
    local failure = entry.site.shared:binding_failure(entry.key, ngx.now())
    return { [""] = failure and failure.wait_until - ngx.now() or 0 }
  end },
}

--- All metrics as text.
-- @tparam table entries by profile name
-- @treturn string
function metrics.render(entries)
  local names, out, counts = {}, {}, nil
  for name, entry in pairs(entries) do
    names[#names + 1] = name
    held.flush(entry)
    held.look(entry, ngx.now())
    counts = counts or entry.site.shared
  end
  table.sort(names)
  counts = counts:counts()
  for _, each in ipairs(FAMILIES) do
    family(out, each[1], each[2], each[3])
    for _, name in ipairs(names) do
      local values, labels = each[4](entries[name], counts), {}
      for label in pairs(values) do
        labels[#labels + 1] = label
      end
      table.sort(labels)
      for _, label in ipairs(labels) do
        sample(out, each[1], name, label, values[label])
      end
    end
  end
  exchanges(out, counts)
  histogram(out, names, counts)
  return table.concat(out)
end

--- Answer the request with them.
function metrics.answer(entries)
  ngx.header["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
  ngx.print(metrics.render(entries))
end

return metrics
