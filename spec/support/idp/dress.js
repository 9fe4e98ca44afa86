// Behind the library: its replies become Entra's, on the success path and on the other.
import { EntraError, errorBody, fromLibrary } from './errors.js';
import { clientInfo } from './users.js';
import { oidcScopes } from './claims.js';
import { expand } from './resources.js';
import { fateOf } from './store.js';
import { counters, settings } from './state.js';
import { spoil } from './faults.js';

const PENDING = new Set(['authorization_pending', 'slow_down']);

// For refusals of our own as well, which never reach the library.
export function refuse(error, headers) {
  if (!PENDING.has(error.error)) counters.refused += 1;
  return { status: error.status, body: errorBody(error, headers) };
}

export function replyHeaders(req, traceId) {
  const { 'client-request-id': id, 'return-client-request-id': echo } = req.headers;
  return {
    'Cache-Control': 'no-store, no-cache', Pragma: 'no-cache', 'X-Content-Type-Options': 'nosniff',
    // No Strict-Transport-Security: a browser would keep it for all of localhost, the app's http listener included.
    'x-ms-request-id': traceId, 'x-ms-ests-server': '2.1.0 - test',
    ...(id && echo === 'true' ? { 'client-request-id': id } : {}),
  };
}

// The scopes in the reply: of this resource, spelled as asked for, then OpenID's. App-only replies have none.
function grantedScopes(ctx, at) {
  const scopes = (at.scope ?? '').split(' ').filter(Boolean);
  const oidc = oidcScopes(ctx).filter((scope) => scope !== 'offline');
  return [...expand(at.aud, scopes), ...oidc].join(' ');
}

function token(ctx) {
  const { form } = ctx.req.entra;
  const { AccessToken: at } = ctx.oidc.entities;
  const { access_token, id_token, refresh_token, expires_in } = ctx.body;
  const number = (value) => (settings.expires_in_as_string ? String(value) : value);
  const ttl = number(expires_in);
  counters.tokens[form.grant_type.split(':').at(-1)] += 1;
  return {
    token_type: 'Bearer',
    ...(at ? { scope: grantedScopes(ctx, at) } : {}),
    expires_in: ttl,
    ext_expires_in: number(settings.ext_expires_in ?? expires_in),
    ...(settings.refresh_in === null ? {} : { refresh_in: number(settings.refresh_in) }),
    access_token,
    ...(refresh_token && !settings.omit_refresh_token ? { refresh_token } : {}),
    ...(id_token ? { id_token } : {}),
    ...(at && form.client_info === '1' ? { client_info: clientInfo(at.accountId) } : {}),
  };
}

function device(ctx) {
  const { user_code, device_code, expires_in } = ctx.body;
  const uri = `https://${ctx.host}/devicelogin`;
  return {
    user_code, device_code, verification_uri: uri, expires_in, interval: settings.device_interval,
    message: `To sign in, use a web browser to open the page ${uri} and enter the code ${user_code} to authenticate.`,
  };
}

// The redirect to the client: Entra sends no `iss`, and words errors its own way.
const REDIRECTED = { access_denied: 65004, login_required: 50058, interaction_required: 16000 };

function redirect(ctx) {
  const location = ctx.response.get('location');
  if (!location || !/[?&](code|error)=/.test(location)) return;
  const url = new URL(location);
  url.searchParams.delete('iss');
  const error = url.searchParams.get('error');
  if (error) {
    const { error_description } = errorBody(new EntraError(REDIRECTED[error] ?? 9002313), ctx.headers);
    url.searchParams.set('error_description', error_description);
    if (error === 'access_denied') url.searchParams.set('error_subcode', 'cancel');
  } else {
    url.searchParams.set('session_state', ctx.oidc.session.uid);
  }
  ctx.set('Location', url.href);
}

const DRESS = { token, devicecode: device };

export async function dress(ctx, next) {
  await next();
  const { entra } = ctx.req;
  if (!entra) return;
  if (/\/authorize(\/|$)/.test(ctx.path)) redirect(ctx);
  const make = DRESS[entra.endpoint];
  if (!make) return;

  if (ctx.state.refusal || ctx.status !== 200) {
    const params = ctx.oidc?.params ?? entra.form;
    const error = fromLibrary(ctx.state.refusal ?? {}, {
      params, client: ctx.oidc?.client, sentCredential: Boolean(entra.form.client_secret || entra.form.client_assertion),
      revoked: fateOf(params.refresh_token) === 'revoked',
    });
    const reply = refuse(error, ctx.headers);
    ctx.status = reply.status;
    ctx.body = reply.body;
  } else {
    ctx.body = make(ctx);
  }
  ctx.type = 'application/json; charset=utf-8';
  ctx.set(replyHeaders(ctx.req, ctx.body.trace_id ?? entra.id));
  spoil(ctx, entra.fault);
}
