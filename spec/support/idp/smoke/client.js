// A small https client that trusts the provider's CA only, and a browser of sorts: it keeps cookies, follows
// redirects and fills in forms.
import http from 'node:http';
import https from 'node:https';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

function send(url, { method = 'GET', headers = {}, body, ca } = {}) {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http;
    const req = request(url, { method, headers, ca, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk) => { text += chunk; });
      res.on('error', reject);
      res.on('aborted', () => reject(Object.assign(new Error('aborted'), { code: 'ABORTED' })));
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
    });
    req.setTimeout(5000, () => req.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })));
    req.on('error', reject);
    req.end(body);
  });
}

const FORM = 'application/x-www-form-urlencoded';
const encode = (form) => new URLSearchParams(form).toString();

export function makeClient(idp) {
  const ca = readFileSync(idp.ca);
  const get = (url, options) => send(url, { ca, ...options });

  async function post(path, form, headers = {}) {
    const reply = await send(path.startsWith('https:') ? path : idp.base + path, { method: 'POST', ca, body: encode(form), headers: { 'Content-Type': FORM, ...headers } });
    try { reply.json = JSON.parse(reply.text); } catch { /* some faults send no JSON */ }
    return reply;
  }

  async function control(method, path, body) {
    const reply = await send(idp.control + path, { method, body: body && JSON.stringify(body) });
    return { status: reply.status, json: JSON.parse(reply.text) };
  }

  const token = (form, headers, tenant = idp.tenant) => post(`/${tenant}/oauth2/v2.0/token`, form, headers);
  const devicecode = (form, tenant = idp.tenant) => post(`/${tenant}/oauth2/v2.0/devicecode`, form);
  return { get, post, control, token, devicecode, browser: () => makeBrowser(ca) };
}

// Stops at a redirect to another site: that is the app's own address.
function makeBrowser(ca) {
  const jar = new Map();

  async function open(url, options = {}) {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const reply = await send(url, { ca, ...options, headers: { Accept: 'text/html', ...(cookie ? { Cookie: cookie } : {}), ...options.headers } });
    for (const line of reply.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) jar.set(name, value); else jar.delete(name);
    }
    const { location } = reply.headers;
    if (!location) return { url, ...reply };
    const next = new URL(location, url);
    return next.origin === new URL(url).origin ? open(next.href) : { url: next.href, ...reply };
  }

  // Submits the page's form with these values on top of the hidden ones.
  function submit(page, values) {
    const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(page.text);
    assert.ok(form, `a form on ${page.url}: ${page.text}`);
    const fields = {};
    for (const [input] of form[2].matchAll(/<input[^>]*>/g)) {
      const attribute = (name) => new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1];
      if (attribute('name')) fields[attribute('name')] = attribute('value') ?? '';
    }
    const url = new URL(form[1], page.url).href;
    return open(url, { method: 'POST', body: encode({ ...fields, ...values }), headers: { 'Content-Type': FORM } });
  }
  return { open, submit };
}

export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));

export function refused(reply, status, error, number) {
  assert.equal(reply.json?.error, error, reply.text);
  assert.deepEqual(reply.json.error_codes, [number]);
  assert.equal(reply.status, status);
  assert.match(reply.json.error_description, new RegExp(`^AADSTS${number}: .*\\r\\nTrace ID: \\S+\\r\\nCorrelation ID: \\S+\\r\\nTimestamp: \\S+ \\S+Z$`));
}
