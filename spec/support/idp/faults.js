// Everything that can go wrong on the way, on command. A fault names the endpoint it waits at; the first one in
// the list that matches a request acts on it. `ms` delays any kind; `delay` does nothing else.
import { STATUS_CODES } from 'node:http';
import { counters } from './state.js';

let list = [];

const ENDPOINTS = ['token', 'devicecode', 'authorize', 'discovery', 'keys', '*'];
const MEMBERS = ['endpoint', 'kind', 'times', 'after', 'grant_type', 'ms', 'status', 'retry_after', 'body', 'content_type', 'bytes'];

const send = (res, status, type, body, headers = {}) => {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers });
  res.end(body);
};

const HTML = '<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body><h1>Welcome</h1></body></html>\n';
const JSON_TYPE = 'application/json; charset=utf-8';

const text = (body) => (typeof body === 'string' ? body : JSON.stringify(body));

// Faults that answer in the provider's place.
const INSTEAD = {
  hang() {},
  reset: (fault, req, res) => (req.socket.tcp?.destroyed === false ? req.socket.tcp.resetAndDestroy() : res.destroy()),
  truncate(fault, req, res) {
    res.writeHead(200, { 'Content-Type': JSON_TYPE, 'Content-Length': 4000 });
    res.write('{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ0eXAi', () => res.destroy());
  },
  html: (fault, req, res) => send(res, 200, 'text/html; charset=utf-8', HTML),
  html_error: (fault, req, res) => send(res, 502, 'text/html; charset=utf-8', HTML.replace('Welcome', '502 Bad Gateway')),
  big(fault, req, res) {
    const size = fault.bytes ?? 10 * 1024 * 1024;
    send(res, 200, JSON_TYPE, `{"access_token":"x"${' '.repeat(Math.max(0, size - 20))}}`);
  },
  status(fault, req, res) {
    const retry = fault.retry_after === undefined ? {} : { 'Retry-After': String(fault.retry_after) };
    const said = fault.body ?? STATUS_CODES[fault.status] ?? '';
    send(res, fault.status, fault.content_type ?? 'text/plain; charset=utf-8', text(said), retry);
  },
  redirect(fault, req, res) {
    res.writeHead(fault.status ?? 302, { Location: `https://${req.headers.host}/redirected${req.url}`, 'Content-Length': 0 });
    res.end();
  },
  json: (fault, req, res) => send(res, fault.status ?? 200, JSON_TYPE, JSON.stringify(fault.body)),
  raw_body: (fault, req, res) => send(res, fault.status ?? 200, fault.content_type ?? JSON_TYPE, text(fault.body ?? '')),
};

// Faults that let the exchange happen and spoil its reply.
const AFTER = {
  drop_after(ctx) {
    ctx.respond = false;
    ctx.res.destroy();
  },
  wrong_type: (ctx) => { ctx.body.token_type = 'pop'; },
  crlf_token: (ctx) => { ctx.body.access_token = `eyJ0\r\nSet-Cookie: a=b\r\n\u001b[31m${ctx.body.access_token}`; },
};

const KINDS = new Set(['delay', ...Object.keys(INSTEAD), ...Object.keys(AFTER)]);

// Returns the complaint about the first bad one, else undefined; then none is added.
export function addFaults(wanted) {
  for (const fault of wanted) {
    if (!KINDS.has(fault?.kind)) return `unknown kind: ${fault?.kind}`;
    if (!ENDPOINTS.includes(fault.endpoint ?? '*')) return `unknown endpoint: ${fault.endpoint}`;
    const stranger = Object.keys(fault).find((name) => !MEMBERS.includes(name));
    if (stranger) return `unknown member: ${stranger}`;
    if (fault.kind === 'status' && !Number.isInteger(fault.status)) return 'status needs a status';
    if (fault.kind === 'json' && fault.body === undefined) return 'json needs a body';
    if (fault.kind === 'delay' && !Number.isInteger(fault.ms)) return 'delay needs ms';
  }
  list.push(...wanted.map((fault) => ({ endpoint: '*', times: Infinity, after: 0, ...fault, hits: 0 })));
  return undefined;
}

export const clearFaults = () => { list = []; };
export const listFaults = () => list.map((fault) => ({ ...fault, times: fault.times === Infinity ? null : fault.times }));

const shortName = (grant) => grant?.split(':').at(-1); // device_code has a long one

function takeFault(endpoint, grantType) {
  for (const fault of list) {
    const grants = [fault.grant_type ?? []].flat().map(shortName);
    const here = [endpoint, '*'].includes(fault.endpoint) && (!grants.length || grants.includes(shortName(grantType)));
    if (!here || fault.times === 0) continue;
    if (fault.after > 0) {
      fault.after -= 1;
      continue;
    }
    fault.times -= 1;
    fault.hits += 1;
    return fault;
  }
  return undefined;
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// `done`: the request has been answered, or given up. Else `fault`, if any, waits behind the library.
export async function strike(endpoint, grantType, req, res) {
  const fault = takeFault(endpoint, grantType);
  if (!fault) return { done: false };
  if (fault.ms) await pause(fault.ms);
  const act = INSTEAD[fault.kind];
  if (act) act(fault, req, res);
  return { done: Boolean(act), fault };
}

export function spoil(ctx, fault) {
  if (AFTER[fault?.kind] && (fault.kind === 'drop_after' || ctx.body.access_token)) AFTER[fault.kind](ctx);
}

// Where `redirect` points to. It answers as if all were well; a client that gets here has been led astray.
export function astray(req, res) {
  counters.redirected += 1;
  send(res, 200, JSON_TYPE, JSON.stringify({ token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: 'redirected', refresh_token: 'redirected' }));
}
