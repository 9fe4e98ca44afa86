// What stands in the tokens.
import { createHash, randomBytes } from 'node:crypto';
import { issuer } from './tenants.js';
import { GRAPH, audience, expand, permissionNames, rolesOf } from './resources.js';
import { clientById } from './clients.js';
import { userById } from './users.js';
import { settings } from './state.js';

const noise = (bytes) => randomBytes(bytes).toString('base64url');

// Stable GUIDs for things that have no row anywhere: an app's service principal in a tenant.
function guidOf(...parts) {
  const hex = createHash('sha256').update(parts.join()).digest('hex');
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5');
}

// `sub` differs from app to app; only `oid` is the same everywhere.
const pairwise = (oid, clientId) => createHash('sha256').update(`${oid} ${clientId}`).digest('base64url');

const METHODS = { none: '0', client_secret_post: '1', private_key_jwt: '2' };

function userClaims(ctx, token, scopes) {
  const { oid, upn, name, given, family } = userById(token.accountId);
  const oidc = token.aud === GRAPH ? oidcScopes(ctx).filter((scope) => scope !== 'offline') : [];
  const granted = permissionNames(expand(token.aud, scopes));
  const people = settings.token_version === 1
    ? { family_name: family, given_name: given, unique_name: upn, upn }
    : { preferred_username: upn };
  return {
    oid, name, ...people, idtyp: 'user', ipaddr: '127.0.0.1', puid: '10032000A1B2C3D4',
    scp: [...new Set([...granted, ...oidc])].join(' '), sub: pairwise(oid, token.clientId),
    wids: ['b79fbf4d-3ef9-4689-8143-76b194e85509'], acct: 0, acrs: ['p1'], amr: ['pwd'], signin_state: ['kmsi'],
  };
}

function appClaims(tid, token) {
  const oid = guidOf('service principal', token.clientId, tid);
  const roles = rolesOf(token.aud);
  return {
    oid, sub: oid, idtyp: 'app', idp: issuerOf(tid), ...(roles.length ? { roles } : {}),
    wids: ['0997a1d0-0d1d-4acb-b408-d5ca73121e90'], xms_idrel: '7 8', xms_tcdt: 1577836800,
    xms_tnt_fct: '3 12', xms_sub_fct: '3 9', xms_st: { sub: noise(32) },
  };
}

let base = '';
export const setBase = (url) => { base = url; };
const issuerOf = (tid) => (settings.token_version === 1 ? `${base}/${tid}/` : issuer(base, tid));

// Which OpenID scopes this exchange is about: a refresh names them anew, the other grants asked at the start.
export function oidcScopes(ctx) {
  const { entities, params } = ctx.oidc;
  const asked = params.scope ?? (entities.DeviceCode ?? entities.AuthorizationCode ?? entities.RefreshToken)?.scope ?? '';
  return asked.split(' ').filter((scope) => ['openid', 'profile', 'email', 'offline'].includes(scope));
}

// The library's hook for access tokens: replaces its RFC 9068 form by Entra's.
export function accessToken(signing) {
  return (ctx, token, jwt) => {
    const { tid, claims: asked } = ctx.req.entra;
    const scopes = (token.scope ?? '').split(' ').filter(Boolean);
    const v1 = settings.token_version === 1;
    const app = clientById(token.clientId);
    const method = METHODS[ctx.oidc.client.clientAuthMethod];
    const { iat, exp } = jwt.payload;
    // The header of a v1 token says the same thing twice. `typ` is JWT, not at+jwt.
    jwt.header = { typ: 'JWT', ...(v1 ? { x5t: signing.x5t } : {}), kid: signing.kid };
    jwt.payload = {
      aud: audience(token.aud, scopes), iss: issuerOf(tid), iat, nbf: iat, exp, acr: '1', aio: noise(72),
      app_displayname: app.name, ...(v1 ? { appid: token.clientId, appidacr: method } : { azp: token.clientId, azpacr: method }),
      ...(token.accountId ? userClaims(ctx, token, scopes) : appClaims(tid, token)),
      rh: `1.${noise(48)}.`, tenant_region_scope: 'EU', tid, uti: noise(16), ver: v1 ? '1.0' : '2.0',
      xms_ftd: noise(64), ...(asked?.access_token?.xms_cc ? { xms_cc: asked.access_token.xms_cc.values } : {}),
    };
  };
}

// The claims from which the library picks the id_token's, by scope.
export const ID_TOKEN_CLAIMS = {
  openid: ['sub', 'oid', 'tid', 'ver', 'uti', 'rh', 'aio', 'nbf'],
  profile: ['name', 'preferred_username'],
  email: ['email'],
};

export function findAccount(ctx, id) {
  const user = userById(id);
  return user && {
    accountId: user.oid,
    claims: () => ({
      sub: pairwise(user.oid, ctx.oidc.client.clientId), oid: user.oid, tid: ctx.req.entra?.tid, ver: '2.0', uti: noise(16),
      rh: `1.${noise(24)}.`, aio: noise(48), nbf: Math.floor(Date.now() / 1000),
      name: user.name, preferred_username: user.upn, email: user.upn,
    }),
  };
}
