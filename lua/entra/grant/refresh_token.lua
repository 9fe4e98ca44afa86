--- The refresh token grant (RFC 6749 §6): a person's next token, without the person.
-- @module entra.grant.refresh_token

local scopes = require("entra.scopes")

local refresh_token = {}

-- The refusals after which this refresh token is worth nothing, whatever is asked for with it. All
-- others (MFA, Conditional Access, consent) concern one resource: the token may still work for the next.
local DEAD_SUBERROR = { bad_token = true, token_expired = true }
local DEAD_AADSTS = { [70000] = true, [70008] = true, [700082] = true, [700084] = true, [50173] = true,
  [50089] = true, [50132] = true, [50133] = true }

--- Is the refresh token itself dead?
-- Entra forbids branching on AADSTS numbers; here a number only decides between two errors that both
-- send the person to sign in again, so a changed number costs a retry and nothing else.
-- @tparam entra.errors err of a refused refresh
function refresh_token.is_dead(err)
  return err.code == "invalid_grant" and (DEAD_SUBERROR[err.suberror] or DEAD_AADSTS[err.aadsts]) or false
end

--- Exchange a refresh token.
-- Not repeated once it may have been received: with strict rotation, replay revokes the whole family.
-- @tparam table way see `entra.grant.client_credentials.run`; and `refresh_token`
function refresh_token.run(way)
  local settings = way.settings
  local proof, err = way.credential()
  if not proof then
    return nil, err
  end
  return way.post {
    form = {
      { "grant_type", "refresh_token" }, { "client_id", settings.client_id },
      { "refresh_token", way.refresh_token },
      { "scope", table.concat(scopes.for_user(way.scopes), " ") }, { "client_info", "1" }, proof[1], proof[2],
    },
    repeatable = false,
  }
end

return refresh_token
