--- Storing what an exchange brought.
--
-- Between the parsed reply and the refresh token's record stands nothing.
--
-- @module entra.keep

local cache = require("entra.cache")
local scopes = require("entra.scopes")

local keep = {}

-- RFC 6749 §5.1 lets a server leave expires_in out; MSAL then counts on ten minutes.
local UNKNOWN_LIFE = 600
-- Long lives without refresh_in are renewed at half time (MSAL's rule).
local LONG_LIFE = 7200

--- A stored token from a reply.
-- The life counts from when the request was sent; cached_at says when we got it, for those who waited.
function keep.item(self, plan, reply, sent)
  local life = reply.expires_in or reply.expires_on and reply.expires_on - sent or UNKNOWN_LIFE
  local ahead = reply.refresh_in or life >= LONG_LIFE and life / 2 or nil
  return {
    access_token = reply.access_token, token_type = "Bearer", scopes = scopes.granted(reply.scope, plan.scopes),
    cached_at = self.clock.now(), expires_on = sent + life, refresh_on = ahead and sent + ahead,
  }
end

--- Write the refresh token's record, bound to where it may be sent, into the room reserved for it, if any.
function keep.refresh_record(self, plan, body, room)
  local settings = self.settings
  body.authority, body.tenant, body.client_id = settings.authority, settings.tenant, settings.client_id
  return self.store:write(plan.refresh, body, { durable = true, room = room })
end

--- Store what an exchange brought. The refresh token comes first: it alone cannot be had again, and
-- failing to store it is the only failure that counts.
-- @treturn table|nil the item
-- @treturn entra.errors
-- @treturn table the item all the same, where the refresh token could not be stored
function keep.reply(self, plan, opts, reply, sent, held, room)
  local item = keep.item(self, plan, reply, sent)
  if plan.refresh and reply.refresh_token then
    local ok, err = keep.refresh_record(self, plan, {
      refresh_token = reply.refresh_token, account = reply.account or held and held.account,
      public = held and held.public or reply.public }, room)
    if not ok then
      return nil, err, item
    end
  end
  if not opts.no_cache and not self.storeless then
    local body, err = self:read(plan.entry)
    local ok, expires
    if not err then -- what cannot be read, and is not broken, is not ours to write over
      body, expires = cache.insert(body, item, self.clock.now())
      ok, err = self.store:write(plan.entry, body, { expires_on = expires, refresh_on = item.refresh_on })
    end
    if not ok then
      self.warn("the token is not cached: " .. err:line())
    end
  end
  return item
end

return keep
