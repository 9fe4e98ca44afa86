// Tenants, and the two documents that describe them: OpenID metadata and the signing keys.

export const TENANTS = [
  { id: '11111111-1111-1111-1111-111111111111', domain: 'contoso.onmicrosoft.com', name: 'Contoso' },
  { id: '22222222-2222-2222-2222-222222222222', domain: 'fabrikam.onmicrosoft.com', name: 'Fabrikam' },
];

// Names that stand for "whatever tenant the user is at home in". Here everybody is at home in the first.
const SHARED = new Set(['common', 'organizations']);

// { tid, shared } of the first path segment, or undefined for a tenant that nobody knows.
export function tenantNamed(segment) {
  const name = segment.toLowerCase();
  if (SHARED.has(name)) return { tid: TENANTS[0].id, shared: true };
  const tenant = TENANTS.find(({ id, domain }) => id === name || domain === name);
  return tenant && { tid: tenant.id, shared: false };
}

export const issuer = (base, tid) => `${base}/${tid}/v2.0`;

export function metadata(base, { tid, shared }, name) {
  const at = `${base}/${shared ? name : tid}`; // a domain comes back as its GUID, a shared name as itself
  return {
    token_endpoint: `${at}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${at}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: shared ? `${base}/{tenantid}/v2.0` : issuer(base, tid), // the braces are literal, as at Entra
    request_uri_parameter_supported: false,
    userinfo_endpoint: 'https://graph.microsoft.com/oidc/userinfo',
    authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${at}/oauth2/v2.0/devicecode`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${at}/oauth2/v2.0/logout`,
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'name', 'tid', 'ver', 'at_hash', 'email'],
    tenant_region_scope: shared ? null : 'EU',
    cloud_instance_name: 'microsoftonline.com',
    cloud_graph_host_name: 'graph.windows.net',
    msgraph_host: 'graph.microsoft.com',
    rbac_url: 'https://pas.windows.net',
  };
}

// Entra's entries name their issuer and leave out `alg`.
export function keys(base, { tid, shared }, signing) {
  const { kty, n, e } = signing.jwk;
  return {
    keys: [{
      kty, use: 'sig', kid: signing.kid, x5t: signing.kid, n, e, x5c: [signing.x5c],
      issuer: issuer(base, shared ? '{tenantid}' : tid),
    }],
  };
}
