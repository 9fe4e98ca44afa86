// One oidc-provider per tenant (the issuer is a fact of the provider), all on the same store. The library keeps
// the grants, codes and tokens; this page only tells it Entra's policy.
import { randomBytes } from 'node:crypto';
import Provider, { errors, interactionPolicy } from 'oidc-provider';
import { Store } from './store.js';
import { OIDC_SCOPES, OFFLINE, RESOURCE_URIS, allScopes } from './resources.js';
import { registrations } from './clients.js';
import { ID_TOKEN_CLAIMS, accessToken, findAccount } from './claims.js';
import { issuer } from './tenants.js';
import { settings } from './state.js';
import { EntraError } from './errors.js';
import * as pages from './pages.js';

const DAY = 86400;
const BITS = { RefreshToken: 6000, AuthorizationCode: 4800, DeviceCode: 1200 }; // as long as the real ones
const cookieKeys = [randomBytes(32).toString('hex')];

// Everything in the directory is consented to, so a grant is made complete, and anew for each sign-in: a
// revoked family of refresh tokens then takes no other sign-in with it.
export async function newGrant(provider, accountId, clientId) {
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(OIDC_SCOPES.join(' '));
  for (const uri of RESOURCE_URIS) grant.addResourceScope(uri, allScopes(uri));
  await grant.save();
  return grant;
}

// Called after the refresh token proved good and before it is used up: the place for conditional access.
function refreshPolicy(ctx) {
  const scope = ctx.oidc.params.scope ?? '';
  if (/\bNeeds\.Mfa\b/.test(scope)) throw new EntraError(50076);
  if (/\bNeeds\.Consent\b/.test(scope)) throw new EntraError(65001);
  return settings.rotation !== 'off';
}

function signInOnly() {
  const policy = interactionPolicy.base();
  policy.remove('consent');
  return policy;
}

export function makeProvider({ base, tid, pki }) {
  const provider = new Provider(issuer(base, tid), {
    adapter: Store,
    clients: registrations(),
    jwks: { keys: [{ ...pki.signing.jwk, kid: pki.signing.kid, use: 'sig', alg: 'RS256' }] },
    cookies: { keys: cookieKeys },
    routes: {
      authorization: '/oauth2/v2.0/authorize', token: '/oauth2/v2.0/token', device_authorization: '/oauth2/v2.0/devicecode',
      code_verification: '/devicelogin', jwks: '/jwks-of-the-library',
    },
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_post', 'client_secret_basic', 'none'],
    pkce: { methods: ['S256'], required: (ctx, client) => client.clientAuthMethod === 'none' },
    scopes: OIDC_SCOPES,
    claims: ID_TOKEN_CLAIMS,
    conformIdTokenClaims: false,
    findAccount,
    loadExistingGrant: (ctx) => newGrant(ctx.oidc.provider, ctx.oidc.account.accountId, ctx.oidc.client.clientId),
    interactions: { policy: signInOnly(), url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has(OFFLINE),
    rotateRefreshToken: refreshPolicy,
    expiresWithSession: () => false,
    renderError: pages.failure,
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: {
        enabled: true, mask: '*********',
        userCodeInputSource: pages.enterCode, userCodeConfirmSource: pages.confirmCode, successSource: pages.signedIn,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client, granted) => granted?.[0], // no resource named: the first one asked for
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, uri) => {
          if (!RESOURCE_URIS.includes(uri)) throw new errors.InvalidTarget();
          return { scope: allScopes(uri), audience: uri, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
        },
      },
    },
    formats: {
      bitsOfOpaqueRandomness: (ctx, token) => BITS[token.kind] ?? 256,
      customizers: { jwt: accessToken(pki.signing) },
    },
    ttl: {
      AccessToken: () => settings.access_token_ttl,
      ClientCredentials: () => settings.access_token_ttl,
      RefreshToken: () => settings.refresh_token_ttl,
      DeviceCode: () => settings.device_ttl,
      AuthorizationCode: 600, IdToken: 3600, Interaction: 3600, Session: DAY, Grant: 3650 * DAY,
    },
  });
  for (const event of ['grant.error', 'device_authorization.error', 'authorization.error', 'server_error']) {
    provider.on(event, (ctx, err) => {
      ctx.state.refusal = err;
      if (event === 'server_error') console.error(err); // a fault of this test provider: never silent
    });
  }
  return provider;
}
