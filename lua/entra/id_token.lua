--- Who signed in: the checks of an id_token (OpenID Connect Core §3.1.3.7), and the account it names.
--
-- The signature is not checked: the token came from the token endpoint itself,
-- over TLS (the same section, point 6). It is used for nothing but to see that
-- the answer belongs to the question, and to tell people who they are.
--
-- @module entra.id_token

local authority = require("entra.authority")
local core = require("entra.core")
local errors = require("entra.errors")
local json = require("entra.json")
local jwt = require("entra.jwt")

local id_token = {}

local SKEW = 300 -- seconds that clocks may differ

local function refuse(what)
  return nil, errors.new("oauth", "the sign-in's answer does not belong to this request: " .. what, {
    code = "id_token", hint = "nothing was stored; run the command again, and tell your administrator if it stays so" })
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

-- client_info is unsigned: good for telling two accounts apart, and for nothing else.
local function home_account_id(client_info)
  local bytes = client_info and core.base64url_decode(client_info)
  local info = bytes and json.decode(bytes)
  if type(info) == "table" and text(info.uid) and text(info.utid) then
    return info.uid .. "." .. info.utid
  end
end

-- What came by way of a browser must be of this sign-in, and of now. Without a browser (and a nonce) the
-- token answers our own request directly, and a wrong clock here is no reason to refuse it.
local function check_nonce(claims, expected)
  local now = expected.now
  if not require("entra.crypto").equal(text(claims.nonce) or "", expected.nonce) then
    return refuse("its nonce is another")
  elseif type(claims.exp) ~= "number" or claims.exp + SKEW < now then
    return refuse("its id_token has expired, or this machine's clock is wrong")
  elseif claims.nbf ~= nil and (type(claims.nbf) ~= "number" or claims.nbf - SKEW > now) then
    return refuse("its id_token is not valid yet, or this machine's clock is wrong")
  end
  return true
end

local function check(claims, expected)
  if claims.aud ~= expected.client_id then
    return refuse("it is for another app")
  end
  if expected.nonce then
    local ok, err = check_nonce(claims, expected)
    if not ok then
      return nil, err
    end
  end
  local tid = text(claims.tid)
  if not tid or not authority.is_guid(tid) then
    return refuse("it names no directory")
  elseif claims.iss ~= authority.issuer(expected.authority, tid) then
    return refuse("it has another issuer")
  elseif not authority.admits(expected.tenant, tid) then
    return refuse(("the account is of the directory %s, not of %s"):format(tid, expected.tenant))
  end
  return true
end

--- The account of a token reply.
-- @tparam table reply of the token endpoint: `id_token`, `client_info`
-- @tparam table expected `client_id`, `authority`, `tenant`, `now`; `nonce` where one was sent
-- @treturn table|nil `home_account_id`, `username`, `name`, `object_id`, `tenant_id`, each of them or nil
-- @treturn entra.errors kind `oauth`, code `id_token`
function id_token.account(reply, expected)
  local home = home_account_id(reply.client_info)
  if not reply.id_token then
    if expected.nonce then
      return refuse("it has no id_token")
    end
    return { home_account_id = home }
  end
  local decoded = jwt.decode(reply.id_token)
  if not decoded then
    return refuse("its id_token is none")
  end
  local claims = decoded.claims
  local ok, err = check(claims, expected)
  if not ok then
    return nil, err
  end
  return {
    home_account_id = home or text(claims.oid) and claims.oid .. "." .. claims.tid or text(claims.sub),
    username = text(claims.preferred_username) or text(claims.upn) or text(claims.email),
    name = text(claims.name), object_id = text(claims.oid), tenant_id = claims.tid,
  }
end

return id_token
