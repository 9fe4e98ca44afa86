// In front of the library: an Entra request becomes the standard one, or is refused as Entra refuses it.
import { EntraError } from './errors.js';
import { verifyAssertion } from './assertions.js';
import { verifyFederated } from './federation.js';
import { ASSERTED, CLIENTS, clientById, hashedSecret } from './clients.js';
import { GRAPH, readScopes } from './resources.js';
import { firstResource } from './store.js';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

// What each grant cannot do without.
const REQUIRED = {
  client_credentials: ['scope'],
  refresh_token: ['refresh_token'],
  authorization_code: ['code', 'redirect_uri'],
  [DEVICE]: ['device_code'],
};

function demand(form, ...names) {
  for (const parameter of names) if (!form[parameter]) throw new EntraError(900144, { parameter });
}

// A form, strictly: URLSearchParams would let a broken escape or broken UTF-8 pass.
export function readForm(text) {
  const form = {};
  for (const pair of text.split('&').filter(Boolean)) {
    let name;
    let value;
    try {
      [name, value = ''] = /^([^=]*)=?(.*)$/s.exec(pair).slice(1).map((part) => decodeURIComponent(part.replace(/\+/g, ' ')));
    } catch {
      throw new EntraError(9002313);
    }
    if (Object.hasOwn(form, name)) throw new EntraError(9000411, { parameter: name });
    Object.defineProperty(form, name, { value, enumerable: true, writable: true, configurable: true }); // __proto__ too
  }
  return form;
}

// Both ways of sending a secret end in a form field with the hash of it.
function readCredential(form, headers) {
  const basic = /^basic +(\S+)$/i.exec(headers.authorization ?? '');
  if (basic) {
    const [id, secret = ''] = Buffer.from(basic[1], 'base64').toString('utf8').split(/:(.*)/s);
    const plain = (text) => {
      try { return decodeURIComponent(text.replace(/\+/g, ' ')); } catch { return text; }
    };
    Object.assign(form, { client_id: plain(id), client_secret: plain(secret) });
    delete headers.authorization;
  }
  if (form.client_secret) form.client_secret = hashedSecret(form.client_secret);
}

function oneResource(text) {
  const read = readScopes(text);
  if (read.uris.length > 1) throw new EntraError(28000, { scope: text });
  return { scope: read.scope, resource: read.uris[0] };
}

const GRANTS = {
  client_credentials(form, entra) {
    if (entra.shared) throw new EntraError(9001023);
    if (!form.client_secret) throw new EntraError(7000216);
    const { scope, resource } = oneResource(form.scope);
    if (!/^\S+\/\.default$/.test(scope)) throw new EntraError(1002012, { scope: form.scope });
    Object.assign(form, { scope, resource });
  },
  refresh_token(form) {
    const same = () => `${firstResource(form.refresh_token) ?? GRAPH}/.default openid profile offline_access`;
    Object.assign(form, oneResource(form.scope || same()));
  },
  authorization_code(form) {
    // The code was made for scopes; here they only say which of its resources the first token is for.
    if (form.scope) form.resource = oneResource(form.scope).resource;
    delete form.scope;
  },
  [DEVICE](form) {
    delete form.scope;
  },
};

export function translateToken(form, entra, { headers, endpoint }) {
  if (headers.origin) throw new EntraError(9002326, { origin: headers.origin });
  readCredential(form, headers);
  demand(form, 'grant_type', ...(form.client_assertion ? [] : ['client_id']));
  if (form.resource !== undefined) throw new EntraError(901002);
  if (form.client_assertion) {
    // A public client is told so before anybody looks at what it sent.
    if (clientById(form.client_id) === CLIENTS.public) throw new EntraError(700025);
    if (clientById(form.client_id) === CLIENTS.federated) {
      verifyFederated(form);
    } else {
      form.client_id = verifyAssertion(form, endpoint);
      if (form.client_id !== CLIENTS.certificate.client_id) throw new EntraError(700027); // registered, but for another app
    }
    form.client_secret = ASSERTED;
    delete form.client_assertion;
    delete form.client_assertion_type;
  }
  demand(form, ...(REQUIRED[form.grant_type] ?? []));
  if (Object.hasOwn(GRANTS, form.grant_type)) GRANTS[form.grant_type](form, entra);
}

export function translateDevice(form, entra, { headers, client }) {
  readCredential(form, headers);
  demand(form, 'client_id', 'scope');
  if (form.resource !== undefined) throw new EntraError(901002);
  Object.assign(form, oneResource(form.scope));
  // Entra asks a confidential client for its credential only at the token endpoint, the library here as well.
  if (!form.client_secret && client?.secret) form.client_secret = hashedSecret(client.secret);
  if (client === CLIENTS.certificate) form.client_secret = ASSERTED;
  delete form.claims;
}

// A page for people: refusals before the redirect address is known good are shown, not sent back.
export function translateAuthorize(form) {
  demand(form, 'client_id', 'response_type', 'scope');
  if (form.resource !== undefined) throw new EntraError(901002);
  const { uris, scope } = readScopes(form.scope);
  Object.assign(form, { scope, resource: uris });
  // Consent is given beforehand; choosing an account is signing in again.
  const prompts = { consent: undefined, select_account: 'login' };
  if (form.prompt in prompts) form.prompt = prompts[form.prompt];
  if (form.prompt === undefined) delete form.prompt;
  delete form.claims;
}

// Repeats a name for each member of a list, as the library expects several resources.
export function writeForm(form) {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) for (const each of [value].flat()) out.append(name, each);
  return out.toString();
}
