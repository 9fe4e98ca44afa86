// Refusals in Entra's words. Everything the provider refuses goes through this table, keyed by AADSTS number.
import { randomUUID } from 'node:crypto';

const APP = 'Send an interactive authorization request for this user and resource.';
const MFA = JSON.stringify({ access_token: { polids: { essential: true, values: ['5f3c9a10-0000-4000-8000-0000000000fa'] } } });

// number: [HTTP status, error, text, more members of the body]; {name} in a text is filled in.
const TABLE = {
  16000: [400, 'interaction_required', 'The request needs the user, and prompt=none forbids to ask.'],
  28000: [400, 'invalid_scope', "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."],
  50011: [400, 'invalid_request', 'The redirect URI specified in the request does not match the redirect URIs configured for the application.'],
  50058: [400, 'login_required', 'Session information is not sufficient for single-sign-on.'],
  50076: [400, 'invalid_grant', 'Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.', { suberror: 'basic_action', claims: MFA }],
  50173: [400, 'invalid_grant', 'The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.', { suberror: 'bad_token' }],
  54005: [400, 'invalid_grant', 'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.'],
  65001: [400, 'invalid_grant', `The user or administrator has not consented to use the application. ${APP}`, { suberror: 'consent_required' }],
  65004: [400, 'access_denied', 'User declined to consent to access the app.'],
  70000: [400, 'invalid_grant', 'The provided value for the refresh token or code is not valid.', { suberror: 'bad_token' }],
  70001: [400, 'unauthorized_client', 'The application is disabled for this grant type.'],
  70003: [400, 'unsupported_grant_type', 'The app requested an unsupported grant type.'],
  70008: [400, 'invalid_grant', 'The provided authorization code or refresh token has expired. Send a new interactive authorization request for this user and resource.', { suberror: 'token_expired' }],
  70011: [400, 'invalid_scope', "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."],
  70016: [400, 'authorization_pending', 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.'],
  70017: [400, 'authorization_declined', 'The end user declined the authorization request.'], // number from memory, the name is documented
  70018: [400, 'bad_verification_code', 'Invalid verification code due to User typing in wrong user code for device code flow, or a device code already used.'],
  70020: [400, 'expired_token', 'The provided value for the input parameter device_code is not valid. This device code has expired.'],
  90002: [400, 'invalid_tenant', "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."],
  500011: [400, 'invalid_resource', 'The resource principal named {resource} was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant.'],
  500112: [400, 'invalid_grant', 'The reply address does not match the reply address provided when requesting Authorization code.'],
  501481: [400, 'invalid_grant', 'The Code_Verifier does not match the code_challenge supplied in the authorization request.'],
  700016: [400, 'unauthorized_client', "Application with identifier '{client_id}' was not found in the directory 'Contoso'."],
  700021: [401, 'invalid_client', "Client assertion 'iss' and 'sub' must be the application's id."], // number from memory
  700024: [401, 'invalid_client', 'Client assertion is not within its valid time range.'],
  700025: [401, 'invalid_client', "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."],
  700027: [401, 'invalid_client', 'The certificate with the given identifier used to sign the client assertion is not registered on the application, or its signature is not valid.'],
  700082: [400, 'invalid_grant', 'The refresh token has expired due to inactivity.', { suberror: 'token_expired' }],
  700211: [401, 'invalid_client', 'No matching federated identity record found for presented assertion issuer.'],
  700212: [401, 'invalid_client', 'No matching federated identity record found for presented assertion audience.'],
  700213: [401, 'invalid_client', 'No matching federated identity record found for presented assertion subject.'],
  900144: [400, 'invalid_request', "The request body must contain the following parameter: '{parameter}'."],
  900561: [400, 'invalid_request', 'The endpoint only accepts POST requests. Received a {method} request.'],
  901002: [400, 'invalid_request', "The 'resource' request parameter is not supported."],
  1002012: [400, 'invalid_scope', "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."],
  7000215: [401, 'invalid_client', "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."],
  7000216: [401, 'invalid_client', "'client_assertion', 'client_secret' or 'assertion' is required for the 'client_credentials' grant type."],
  7000218: [401, 'invalid_client', "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."],
  7000222: [401, 'invalid_client', "The provided client secret keys for app '{client_id}' are expired."],
  9000411: [400, 'invalid_request', "The request is not properly formatted. The parameter '{parameter}' is duplicated."],
  9001023: [400, 'invalid_request', 'The grant type is not supported over the /common or /consumers endpoints. Please use the tenant-specific endpoint.'],
  9002313: [400, 'invalid_request', 'Invalid request. Request is malformed or invalid.'],
  9002326: [400, 'invalid_request', "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{origin}'."],
};

export class EntraError extends Error {
  constructor(number, fill = {}, more = {}) {
    const [status, error, text, fixed] = TABLE[number];
    super(text.replace(/\{(\w+)\}/g, (hole, name) => fill[name] ?? hole));
    // `expose` and `statusCode` are what the library looks at when it is thrown from one of its hooks.
    Object.assign(this, { number, status, error, more: { ...fixed, ...more }, expose: true, statusCode: status });
  }
}

// A poll that came too soon is not on Entra's list of codes; it counts as a kind of "pending" (RFC 8628).
export function slowDown() {
  return Object.assign(new EntraError(70016), { error: 'slow_down' });
}

// What the library objects to (error name, pattern for its inner detail or text) → number. First match wins.
const RULES = [
  ['invalid_client', /client not found/, 700016],
  ['invalid_client', /client_secret expired/, 7000222],
  ['invalid_client', /invalid secret/, 7000215],
  ['invalid_client', /authentication mechanism/, 'credential'],
  ['invalid_client', /expired|not active|"?(exp|nbf|iat)"?/, 700024],
  ['invalid_client', /./, 700027],
  ['invalid_grant', /^refresh token not found|^grant not found/, 'fate'],
  ['invalid_grant', /refresh token is expired/, 700082],
  ['invalid_grant', /device code already|device code not found/, 70018],
  ['invalid_grant', /authorization code already/, 54005],
  ['invalid_grant', /authorization code is expired/, 70008],
  ['invalid_grant', /PKCE/, 501481],
  ['invalid_grant', /redirect_uri/, 500112],
  ['invalid_grant', /./, 70000],
  ['authorization_pending', /./, 70016],
  ['expired_token', /./, 70020],
  ['access_denied', /./, 70017],
  ['invalid_target', /./, 500011],
  ['invalid_scope', /./, 70011],
  ['unsupported_grant_type', /./, 70003],
  ['invalid_request', /not allowed for this client/, 70001],
];

export function fromLibrary(err, { params, client, sentCredential, revoked }) {
  if (err instanceof EntraError) return err;
  const detail = err.error_detail || err.error_description || '-';
  const [, , found] = RULES.find(([name, pattern]) => name === err.error && pattern.test(detail)) ?? [];
  let number = found ?? 9002313;
  if (number === 'credential') number = sentCredential && client?.clientAuthMethod === 'none' ? 700025 : 7000218;
  if (number === 'fate') number = revoked || /^grant/.test(detail) ? 50173 : 70000;
  return new EntraError(number, { client_id: params.client_id, scope: params.scope, resource: params.resource });
}

const stamp = () => new Date().toISOString().replace('T', ' ').replace(/\.\d+Z/, 'Z');

// Entra's JSON. The correlation id is the caller's own, when it sent one.
export function errorBody({ number, error, message, more }, headers) {
  const trace = randomUUID();
  const correlation = headers['client-request-id'] || randomUUID();
  const timestamp = stamp();
  return {
    error,
    error_description: [`AADSTS${number}: ${message}`, `Trace ID: ${trace}`, `Correlation ID: ${correlation}`, `Timestamp: ${timestamp}`].join('\r\n'),
    error_codes: [number],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${number}`,
    ...more,
  };
}
