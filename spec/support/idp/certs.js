// Certificates and keys, made once per state directory with the openssl command: a CA of our own with the
// server's certificate, an expired one, one of a CA that nobody trusts, the token-signing key, and the
// certificate with which an app proves who it is.
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const CONFIG = `
[req]
distinguished_name = dn
[dn]
[ca_default]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[ca_cert]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server_cert]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[self_signed]
basicConstraints = critical, CA:FALSE
`;

function make(dir) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const RSA = ['-newkey', 'rsa:2048'];
  const selfSigned = (name, cn, kind, extensions) => openssl('req', '-x509', '-config', 'openssl.cnf', ...kind, '-nodes',
    '-days', '3650', '-subj', `/CN=${cn}`, '-extensions', extensions, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  const signed = (name, ca, from, to) => openssl('ca', '-batch', '-notext', '-config', 'openssl.cnf', '-name', 'ca_default',
    '-cert', `${ca}.pem`, '-keyfile', `${ca}.key`, '-extensions', 'server_cert', '-startdate', from, '-enddate', to,
    '-in', 'server.csr', '-out', `${name}.pem`);

  // Valid long before today as well: clocks of clients under test go wrong.
  const authority = (name, cn) => {
    openssl('req', '-new', '-config', 'openssl.cnf', ...EC, '-nodes', '-subj', `/CN=${cn}`, '-keyout', `${name}.key`,
      '-out', `${name}.csr`);
    openssl('ca', '-batch', '-notext', '-config', 'openssl.cnf', '-name', 'ca_default', '-selfsign', '-keyfile',
      `${name}.key`, '-extensions', 'ca_cert', '-startdate', '20240101000000Z', '-enddate', '20440101000000Z', '-in',
      `${name}.csr`, '-out', `${name}.pem`);
  };

  writeFileSync(path.join(dir, 'openssl.cnf'), CONFIG);
  writeFileSync(path.join(dir, 'index.txt'), '');
  authority('ca', 'entra test CA');
  authority('other-ca', 'a CA that nobody trusts');
  selfSigned('signing', 'entra test token signing', RSA, 'self_signed');
  selfSigned('app', 'entra test app', RSA, 'self_signed');
  openssl('req', '-new', '-config', 'openssl.cnf', ...RSA, '-nodes', '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  // `openssl ca` and not `x509 -req`: only it takes the dates of a certificate that has already expired.
  signed('server', 'ca', '20240101000000Z', '20440101000000Z');
  signed('expired', 'ca', '20200101000000Z', '20200201000000Z');
  signed('untrusted', 'other-ca', '20240101000000Z', '20440101000000Z');
}

// Makes what is missing; returns key material and the paths a client needs.
export function loadCertificates(dir) {
  const pki = path.join(dir, 'pki');
  const ca = path.join(dir, 'ca.pem');
  const capath = path.join(dir, 'capath');
  if (!existsSync(pki)) {
    const draft = mkdtempSync(path.join(dir, '.pki-')); // a half-made set must never be taken for a whole one
    try {
      make(draft);
      renameSync(draft, pki);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  if (!existsSync(capath) || !existsSync(ca)) {
    mkdirSync(capath, { recursive: true });
    cpSync(path.join(pki, 'ca.pem'), path.join(capath, 'ca.pem'));
    execFileSync('openssl', ['rehash', capath]);
    cpSync(path.join(pki, 'ca.pem'), ca);
  }

  const read = (name) => readFileSync(path.join(pki, name));
  const tls = (name) => ({ key: read('server.key'), cert: read(`${name}.pem`) });
  return {
    ca, capath,
    server: tls('server'), expired: tls('expired'), untrusted: tls('untrusted'),
    signing: keyPair(read('signing.key'), read('signing.pem')),
    app: { ...keyPair(read('app.key'), read('app.pem')), key: path.join(pki, 'app.key'), cert: path.join(pki, 'app.pem') },
  };
}

function keyPair(key, pem) {
  const der = new X509Certificate(pem).raw;
  const thumbprint = (hash) => createHash(hash).update(der).digest('base64url');
  return {
    jwk: createPrivateKey(key).export({ format: 'jwk' }),
    kid: thumbprint('sha1'), x5t: thumbprint('sha1'), x5tS256: thumbprint('sha256'),
    x5c: der.toString('base64'),
  };
}
