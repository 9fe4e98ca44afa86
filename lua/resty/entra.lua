--- Microsoft Entra ID tokens in nginx and OpenResty: one exchange for all workers, and none of them waits for it.
--
-- A token lives in a shared dictionary and in each worker; a thread of a pool renews it, while requests go on with
-- the present one. Examples are parts of an nginx.conf that has `thread_pool entra threads=4;` at its top and
-- `lua_shared_dict entra 4m;` in its `http` block.
--
-- @module resty.entra

local entra = {
  --- The version, a string (Semantic Versioning).
  _VERSION = require("entra.version"),
}

-- What setup made of the profiles, by name.
local entries

local flight, page

local ngx_var = ngx.var

--- Configure: once, in `init_by_lua`. What is wrong raises an error that names the setting, so that nginx
-- does not start, and at a reload keeps the workers it has.
-- @tparam table options
-- @tparam {[string]=string|table,...} options.profiles by the name that `inject` uses: the name of a profile in the
--   store, or a table as for `entra.profile` whose `client_secret` says where it is, `file:/path` or `env:NAME`
-- @tparam[opt="entra"] string options.dict the `lua_shared_dict`
-- @tparam[opt="entra"] string options.pool the `thread_pool`
-- @tparam[opt] string options.store a folder that belongs to the workers' user: there tokens outlive nginx, and
--   profiles that act for a person keep their refresh tokens
-- @tparam[opt=5] number options.timeout seconds for an exchange; stopping nginx waits for it
-- @raise whatever is wrong: an unknown setting, a secret that cannot be read, a missing dictionary or pool
-- @usage
-- init_by_lua_block {
--   require("resty.entra").setup { profiles = { api = { tenant_id = "contoso.onmicrosoft.com",
--     client_id = "12345678-1234-1234-1234-123456789abc", client_secret = "file:/etc/entra/secret" } } }
-- }
function entra.setup(options)
  if type(options) ~= "table" then
    error("resty.entra.setup: a table is expected", 2)
  end
  if ngx.get_phase() ~= "init" then
    error("resty.entra.setup: to be called in init_by_lua", 2)
  end
  local made, problem = require("resty.entra.setup").run(options)
  if not made then
    error("resty.entra.setup: " .. problem, 2)
  end
  entries = made
  flight, page = require("resty.entra.flight"), require("resty.entra.page")
end

local function unknown(name)
  error(entries and ("resty.entra: profile '%s' is not among those of setup"):format(tostring(name))
    or "resty.entra: call setup in init_by_lua first", 3)
end

local function patience(entry, opts)
  return opts and opts.timeout or entry.site.timeout + 1
end

--- Give the request a token, in the access or rewrite phase: sets the variable to `Bearer …` and drops an
-- `Authorization` header that the client sent (RFC 6750 §2.1). Without a token the request ends here, with 503,
-- Retry-After (RFC 9110 §10.2.3) and a small JSON body.
-- @tparam string name of the profile
-- @tparam[opt] table opts
-- @tparam[opt="bearer"] string opts.var the variable, made with `set $bearer "";`
-- @tparam[opt] function opts.on_error called with an `entra.errors` and the seconds to wait, instead of the 503:
--   it may answer by itself, or return true to let the request go on without a token
-- @tparam[opt] number opts.timeout seconds that a request waits for a token
-- @treturn boolean whether there is a token
-- @raise where `setup` knows no profile of that name, as do the functions below
-- @usage
-- location /api/ {
--   set $bearer "";
--   access_by_lua_block { require("resty.entra").inject("api") }
--   proxy_set_header Authorization $bearer;
--   proxy_pass https://upstream;
-- }
function entra.inject(name, opts)
  local entry = entries and entries[name] or unknown(name)
  local bearer = flight.present(entry)
  if ngx_var.http_authorization then
    ngx.req.clear_header("Authorization")
  end
  if not bearer then
    local err, seconds
    bearer, err, seconds = flight.wait(entry, patience(entry, opts))
    if not bearer then
      if not (opts and opts.on_error and opts.on_error(err, seconds)) then
        return page.unavailable(seconds)
      end
      return false
    end
  end
  ngx_var[opts and opts.var or "bearer"] = bearer
  return true
end

--- The header's value if a token is there now, for phases that cannot wait (`set_by_lua`). A missing or old
-- one is fetched in the background.
-- @tparam string name of the profile
-- @treturn string|nil `Bearer …`
-- @usage
-- location /optional/ {
--   set_by_lua_block $bearer { return require("resty.entra").peek("api") }
--   proxy_set_header Authorization $bearer;
--   proxy_pass https://upstream;
-- }
function entra.peek(name)
  local entry = entries and entries[name] or unknown(name)
  local bearer = flight.present(entry)
  if not bearer then
    flight.start(entry)
  end
  return bearer
end

--- A token, in any phase that can wait (rewrite, access, content, timers).
-- @tparam string name of the profile
-- @tparam[opt] table opts
-- @tparam[opt] number opts.timeout seconds that a request waits for a token
-- @treturn string|nil the token itself, without `Bearer`
-- @treturn number|entra.errors when it expires, seconds since 1970; or what went wrong
-- @usage
-- location /expires {
--   content_by_lua_block {
--     local token, more = require("resty.entra").token("api", { timeout = 2 })
--     ngx.say(token and "at " .. more or more.message)
--   }
-- }
function entra.token(name, opts)
  local entry = entries and entries[name] or unknown(name)
  local bearer, err = flight.present(entry), nil
  if not bearer then
    bearer, err = flight.wait(entry, patience(entry, opts))
  end
  if not bearer then
    return nil, err
  end
  return bearer:sub(8), entry.expires
end

--- Forget a profile's token in all workers (within a second) and in the store: the next request fetches another.
-- For an API that has refused it; what was issued stays valid elsewhere.
-- @tparam string name of the profile
-- @usage
-- location /purge {
--   allow 127.0.0.1;
--   allow unix:;
--   deny all;
--   content_by_lua_block { require("resty.entra").purge("api") ngx.say("forgotten") }
-- }
function entra.purge(name)
  local entry = entries and entries[name] or unknown(name)
  entry.site.shared:purge(entry.key)
  entry.look_at = 0
end

--- Answer with the metrics, in the content phase: the text format of Prometheus.
-- @usage
-- location /metrics { content_by_lua_block { require("resty.entra").metrics() } }
function entra.metrics()
  return require("resty.entra.metrics").answer(entries or unknown())
end

--- Answer with the state of each profile, in the content phase: JSON, and 503 where a profile has no token
-- and cannot get one.
-- @usage
-- location /healthz { content_by_lua_block { require("resty.entra").status() } }
function entra.status()
  return require("resty.entra.status").answer(entries or unknown())
end

return entra
