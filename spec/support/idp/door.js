// Every https request comes in here: it is counted, logged, made to fail if so ordered, translated and handed to
// the tenant's provider.
import { randomUUID } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { EntraError } from './errors.js';
import { TENANTS, keys, metadata, tenantNamed } from './tenants.js';
import { readForm, translateAuthorize, translateDevice, translateToken, writeForm } from './translate.js';
import { clientById } from './clients.js';
import { beforePoll } from './device.js';
import { refuse, replyHeaders } from './dress.js';
import { astray, strike } from './faults.js';
import { counters, record } from './state.js';
import * as pages from './pages.js';

const LARGEST_BODY = 1024 * 1024;

const ENDPOINTS = {
  '/oauth2/v2.0/token': 'token',
  '/oauth2/v2.0/devicecode': 'devicecode',
  '/oauth2/v2.0/authorize': 'authorize',
  '/v2.0/.well-known/openid-configuration': 'discovery',
  '/discovery/v2.0/keys': 'keys',
};

async function readBody(req) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new EntraError(9002313);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function sendJson(req, res, status, body) {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text), ...replyHeaders(req, body.trace_id ?? randomUUID()) });
  res.end(text);
}

// A request like the one that came, with the path and the form that the library expects.
function rewritten(req, { method = req.method, url, mount, body, entra, headers = req.headers }) {
  const fresh = new IncomingMessage(req.socket);
  const bytes = Buffer.from(body);
  Object.assign(fresh, {
    method, url, originalUrl: mount + url, httpVersion: req.httpVersion, httpVersionMajor: 1, httpVersionMinor: 1, complete: true, entra,
    headers: bytes.length ? { ...headers, 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(bytes.length) } : headers,
  });
  delete fresh.headers['transfer-encoding'];
  fresh.push(bytes);
  fresh.push(null);
  return fresh;
}

// The `claims` parameter is a JSON object.
function readClaims(form) {
  if (form.claims === undefined) return undefined;
  try {
    const claims = JSON.parse(form.claims);
    if (Object.getPrototypeOf(claims) === Object.prototype) return claims;
  } catch { /* told below */ }
  throw new EntraError(9002313);
}

// What the browser may see of the library itself: the pages, and its ways back to them.
const PAGES = /^\/(devicelogin|interaction\/|session\/end\/confirm$|oauth2\/v2\.0\/authorize\/)/;

export function makeDoor({ base, pki, providers }) {
  const callbacks = Object.fromEntries(Object.entries(providers).map(([tid, provider]) => [tid, provider.callback()]));
  const home = callbacks[TENANTS[0].id];
  const documents = { discovery: (tenant, name) => metadata(base, tenant, name), keys: (tenant) => keys(base, tenant, pki.signing) };

  // Pages belong to no tenant or, on the way back from signing in, to the one that was asked.
  async function page(req, res, { tenant, name, path, search }) {
    if (!tenant && PAGES.test(req.url)) return home(req, res);
    if (!tenant || !PAGES.test(path)) return res.writeHead(404).end();
    const body = await readBody(req);
    return callbacks[tenant.tid](rewritten(req, { url: path + search, mount: `/${name}`, body, entra: { tid: tenant.tid } }), res);
  }

  async function post(endpoint, req, res, { tenant, name, path, body }) {
    if (req.method !== 'POST') throw new EntraError(900561, { method: req.method });
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] ?? '');
    const sent = readForm(isForm ? body.toString('utf8') : '');
    const form = { ...sent };
    const headers = { ...req.headers };
    const client = clientById(form.client_id);
    if (endpoint === 'token') translateToken(form, tenant, { headers, endpoint: `${base}/${name}${path}` });
    else translateDevice(form, tenant, { headers, client });
    if (form.device_code) await beforePoll(providers[tenant.tid], form);
    const entra = { id: randomUUID(), endpoint, tid: tenant.tid, form, claims: readClaims(sent), fault: req.fault };
    return callbacks[tenant.tid](rewritten(req, { url: path, mount: `/${name}`, body: writeForm(form), entra, headers }), res);
  }

  function authorize(req, res, { tenant, name, path, search, body }) {
    const form = readForm(req.method === 'POST' ? body.toString('utf8') : search.slice(1));
    readClaims(form);
    translateAuthorize(form);
    const entra = { id: randomUUID(), endpoint: 'authorize', tid: tenant.tid, form, fault: req.fault };
    return callbacks[tenant.tid](rewritten(req, { method: 'GET', url: `${path}?${writeForm(form)}`, mount: `/${name}`, body: '', entra }), res);
  }

  function note(endpoint, req, url, body) {
    let form;
    try { form = readForm(body.toString('utf8')); } catch { form = undefined; } // kept as `body` alone
    counters.requests[endpoint] += 1;
    record({
      time: new Date().toISOString(), endpoint, method: req.method, path: url.pathname, query: Object.fromEntries(url.searchParams),
      headers: req.headers, form, body: body.toString('utf8'),
    });
    return form;
  }

  async function serve(req, res) {
    const url = URL.canParse(base + req.url) ? new URL(base + req.url) : new URL(base); // joined as text: `//x` is a path too
    if (url.pathname.startsWith('/redirected/')) return astray(req, res);
    const [, name, path = ''] = /^\/([^/]*)(\/.*)?$/.exec(url.pathname);
    const tenant = tenantNamed(name);
    const endpoint = ENDPOINTS[path];
    const place = { tenant, name, path, search: url.search };
    if (!endpoint) return page(req, res, place);

    place.body = await readBody(req);
    const form = note(endpoint, req, url, place.body);
    const { done, fault } = await strike(endpoint, form?.grant_type, req, res);
    if (done) return undefined;
    req.fault = fault;
    if (!tenant) throw new EntraError(90002, { tenant: name });
    if (endpoint in documents) return sendJson(req, res, 200, documents[endpoint](tenant, name));
    if (endpoint === 'authorize') return authorize(req, res, place);
    return post(endpoint, req, res, place);
  }

  return async (req, res) => {
    res.on('error', () => {}); // the client went away: its affair
    try {
      await serve(req, res);
    } catch (err) {
      if (res.headersSent || res.destroyed) return undefined;
      if (!(err instanceof EntraError)) {
        if (!req.destroyed) console.error(err); // a fault of this test provider: never silent
        return res.destroy();
      }
      const { status, body } = refuse(err, req.headers);
      if (req.fault?.kind === 'drop_after') return res.destroy();
      if (!/\/authorize$/.test(req.url.split('?')[0])) return sendJson(req, res, status, body);
      res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' });
      return res.end(pages.refusal(body.error_description));
    }
  };
}
