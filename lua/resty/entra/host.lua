--- What this nginx is, and whether it can do what is asked of it.
-- @module resty.entra.host

local ffi = require("ffi")

local host = {}

pcall(ffi.cdef, [[
  typedef struct { size_t len; const unsigned char *data; } entra_nginx_str;
  void *ngx_thread_pool_get(void *cycle, entra_nginx_str *name);
  extern void *ngx_cycle;
  const char *OpenSSL_version(int what);
  unsigned int geteuid(void);
]])

--- Is this a master process that starts its workers as somebody else?
function host.is_root()
  return ffi.C.geteuid() == 0
end

local function has_thread_pool(name)
  local found, pool = pcall(function()
    local text = ffi.new("entra_nginx_str", #name, ffi.cast("const unsigned char *", name))
    return ffi.C.ngx_thread_pool_get(ffi.C.ngx_cycle, text)
  end)
  return not found or pool ~= nil -- an nginx that hides its symbols says so at the first exchange
end

-- The files of OpenSSL's TLS library that this process has mapped.
local function mapped_openssls()
  local out, seen = {}, {}
  for line in io.lines("/proc/self/maps") do
    local path = line:match("%s(/%S*/libssl[^/%s]*)")
    if path and not seen[path] then
      seen[path] = true
      out[#out + 1] = path
    end
  end
  return out
end

local function nginx_openssl()
  local found, text = pcall(function() return ffi.string(ffi.C.OpenSSL_version(0)) end)
  return found and text:match("^%S+ %S+") or "none"
end

local REFUSALS = {
  { function() return not ngx.run_worker_thread end,
    "nginx cannot run Lua in threads: it needs --with-threads and lua-nginx-module 0.10.21 or later" },
  { function(options) return not ngx.shared[options.dict] end,
    "dict: there is no 'lua_shared_dict %s 4m;' in the http block", "dict" },
  { function(options) return not has_thread_pool(options.pool) end,
    "pool: there is no 'thread_pool %s threads=4;' at the top of nginx.conf", "pool" },
}

--- Check what the configuration promises.
-- @tparam table options `dict`, `pool`
-- @treturn string|nil what was found, for one line of the log
-- @treturn string what cannot work, naming the setting
function host.check(options)
  for _, refusal in ipairs(REFUSALS) do
    if refusal[1](options) then
      return nil, refusal[2]:format(options[refusal[3]])
    end
  end
  local loaded, http = pcall(require, "entra.http")
  if not loaded then
    return nil, "the module entra.http cannot be loaded (lua_package_cpath?): " .. http
  end
  local read, libraries = pcall(mapped_openssls)
  if read and #libraries > 1 then
    return nil, ("nginx and libcurl bring two OpenSSLs into one process (%s): use an nginx and a libcurl built "
      .. "with the same one"):format(table.concat(libraries, ", "))
  end
  local curl = http.version()
  return ("threads yes, thread_pool %s, lua_shared_dict %s %.0f KiB, OpenSSL: nginx %s, libcurl %s, %s"):format(
    options.pool, options.dict, ngx.shared[options.dict]:capacity() / 1024, nginx_openssl(),
    curl:match("OpenSSL/%S+") or "another TLS library", curl:match("^%S+"))
end

return host
