// Start and stop. See README.md.
import http from 'node:http';
import https from 'node:https';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { register } from './assertions.js';
import { loadCertificates } from './certs.js';
import { CLIENTS } from './clients.js';
import { setBase } from './claims.js';
import { makeControl } from './control.js';
import { makeDoor } from './door.js';
import { dress } from './dress.js';
import { listenBoth, listenOne } from './listen.js';
import { login } from './login.js';
import { makeProvider } from './provider.js';
import { TENANTS } from './tenants.js';
import { USERS } from './users.js';

function options() {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string' }, port: { type: 'string', default: '0' }, 'control-port': { type: 'string', default: '0' },
      'parent-pid': { type: 'string' }, env: { type: 'boolean', default: false },
    },
  });
  if (!values.dir) throw new Error('--dir is missing');
  return values;
}

// Remembers the bare connection under each TLS one: only that can be reset.
function tlsServer(tls, handler) {
  const server = https.createServer(tls, handler);
  const bare = new Map();
  server.on('connection', (socket) => {
    bare.set(socket.remotePort, socket);
    socket.once('close', () => { if (bare.get(socket.remotePort) === socket) bare.delete(socket.remotePort); });
  });
  server.on('secureConnection', (socket) => { socket.tcp = bare.get(socket.remotePort); });
  server.on('tlsClientError', () => {}); // a client that does not trust us: often the point of the test
  return server;
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}); // whoever listened is gone

function shellLines({ base, control, ca, tenant, clients }) {
  const daemon = clients.daemon;
  return `export SSL_CERT_FILE='${ca}'
export AZURE_AUTHORITY_HOST='${base}/'
export AZURE_TENANT_ID='${tenant}'
export AZURE_CLIENT_ID='${clients.public.client_id}'
# Sign in with a device code: open the page it names as ada@contoso.com, any password, or approve it from a shell:
#   curl -sX POST ${control}/device/approve
# An app without a user:
#   export AZURE_CLIENT_ID='${daemon.client_id}' AZURE_CLIENT_SECRET='${daemon.secret}'
# Look at what was asked, make the next token request fail:
#   curl -s ${control}/requests
#   curl -sX POST ${control}/faults -d '{"endpoint":"token","kind":"status","status":503,"times":1}'
# Stop with Ctrl-C.
`;
}

const { dir: given, port, 'control-port': controlPort, 'parent-pid': parent, env } = options();
process.umask(0o077);
const dir = path.resolve(given);
mkdirSync(dir, { recursive: true });
const announcement = path.join(dir, 'idp.json');
rmSync(announcement, { force: true }); // left by a killed one: nobody shall take it for ours
const pki = loadCertificates(dir);
register(readFileSync(pki.app.cert));

// The providers must know their port and the listeners need a handler: whoever is earlier waits at this door.
let door = (req, res) => res.destroy();
const handler = (req, res) => door(req, res);
const listeners = [
  await listenBoth(() => tlsServer(pki.server, handler), Number(port)),
  await listenBoth(() => tlsServer(pki.expired, handler), 0),
  await listenBoth(() => tlsServer(pki.untrusted, handler), 0),
];
const [base, expired, untrusted] = listeners.map((each) => `https://localhost:${each.port}`);

setBase(base);
const providers = {};
for (const { id } of TENANTS) {
  const provider = makeProvider({ base, tid: id, pki });
  provider.use(dress);
  provider.use(login(provider));
  providers[id] = provider;
}
door = makeDoor({ base, pki, providers });
const control = await listenOne(http.createServer(makeControl(providers[TENANTS[0].id])), Number(controlPort));

function stop() {
  rmSync(announcement, { force: true });
  [...listeners, control].forEach((each) => each.close());
  process.exit(0);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
if (parent) {
  setInterval(() => {
    try { process.kill(Number(parent), 0); } catch (err) { if (err.code === 'ESRCH') stop(); }
  }, 500);
}

const facts = {
  base, expired, untrusted, control: `http://127.0.0.1:${control.port}`, ca: pki.ca, capath: pki.capath, pid: process.pid,
  tenant: TENANTS[0].id, domain: TENANTS[0].domain, tenants: TENANTS, users: USERS.map(({ upn, oid }) => ({ upn, oid })),
  clients: { ...CLIENTS, certificate: { ...CLIENTS.certificate, key: pki.app.key, cert: pki.app.cert } },
};
writeFileSync(`${announcement}.new`, `${JSON.stringify(facts, null, 2)}\n`);
renameSync(`${announcement}.new`, announcement);
process.stdout.write(env ? shellLines(facts) : 'ready\n');
