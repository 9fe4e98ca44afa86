// The control port: how tests (and `curl`) command the provider. JSON in and out, plain http on 127.0.0.1.
import { change, counters, requests, reset, settings } from './state.js';
import { issue } from './federation.js';
import { addFaults, clearFaults, listFaults } from './faults.js';
import { register } from './assertions.js';
import { approve, decline, expire, pendingCode, pendingCodes } from './device.js';
import { revokeEverything } from './store.js';
import { asTyped } from './resources.js';
import { userByName } from './users.js';

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const demand = (complaint) => { if (complaint) throw new Refusal(400, complaint); };
const checkUser = (name) => { if (name !== undefined && !userByName(name)) throw new Refusal(400, `unknown user: ${name}`); };

function findCode({ user_code: userCode }) {
  const code = pendingCode(userCode);
  if (!code) throw new Refusal(404, 'no such pending code');
  return code;
}

const describe = (code) => ({ user_code: code.userCode, client_id: code.clientId, scope: asTyped(code.params.scope) });

const state = () => ({ settings, counters, faults: listFaults() });

const ROUTES = (provider) => ({
  'GET /state': state,
  'GET /counters': () => counters,
  'GET /requests': () => requests,
  'GET /device': () => pendingCodes().map(describe),
  'GET /faults': listFaults,
  'POST /settings': (body) => {
    checkUser(body.user);
    demand(change(body));
    return settings;
  },
  'POST /reset': () => {
    reset();
    clearFaults();
    return state();
  },
  'POST /faults': (body) => {
    demand(addFaults([body].flat()));
    return listFaults();
  },
  'DELETE /faults': () => {
    clearFaults();
    return listFaults();
  },
  'POST /revoke': () => {
    revokeEverything();
    return {};
  },
  'POST /certificates': (body) => {
    try { register(body.pem); } catch { throw new Refusal(400, 'pem is not a certificate'); }
    return {};
  },
  'POST /federation/token': (body) => ({ token: issue(body) }),
  'POST /device/approve': async (body) => {
    checkUser(body.user);
    const code = findCode(body);
    await approve(provider, code.userCode, body.user);
    return describe(code);
  },
  'POST /device/decline': async (body) => {
    const code = findCode(body);
    await decline(provider, code.userCode);
    return describe(code);
  },
  'POST /device/expire': (body) => {
    const code = findCode(body);
    expire(code);
    return describe(code);
  },
});

async function jsonBody(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  if (!text.trim()) return {};
  try {
    const body = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body;
  } catch { /* told below */ }
  throw new Refusal(400, 'the body is not a JSON object or list');
}

export function makeControl(provider) {
  const routes = ROUTES(provider);
  return async (req, res) => {
    let status = 200;
    let reply;
    try {
      const path = req.url.split('?')[0];
      const act = routes[`${req.method} ${path}`];
      if (!act) throw new Refusal(404, `no such thing: ${req.method} ${path}`);
      reply = await act(await jsonBody(req));
    } catch (err) {
      status = err.status ?? 500;
      reply = { error: err.message };
    }
    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(`${JSON.stringify(reply)}\n`);
  };
}
