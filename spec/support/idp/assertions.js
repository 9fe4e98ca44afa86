// Client assertions (private_key_jwt), verified as strictly as their format allows: what Entra may let pass and what
// a careless client may send are refused alike. Certificates are known by their thumbprints, as at Entra.
import { X509Certificate, constants, createHash, verify } from 'node:crypto';
import { EntraError } from './errors.js';

export const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const LIFE = 600; // seconds that an assertion may be good for
const SKEW = 300; // seconds that a clock may be off
const PADDING = {
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  RS256: { padding: constants.RSA_PKCS1_PADDING },
};
const THUMBPRINT = { PS256: 'x5t#S256', RS256: 'x5t' };
const HEADER = ['alg', 'typ', 'x5t', 'x5t#S256', 'x5c'];
const CLAIMS = ['aud', 'iss', 'sub', 'jti', 'nbf', 'iat', 'exp'];

const registered = new Map(); // thumbprint of either kind → X509Certificate
const seen = new Map(); // jti → when it may be forgotten

export function register(pem) {
  const certificate = new X509Certificate(pem);
  for (const hash of ['sha1', 'sha256']) registered.set(createHash(hash).update(certificate.raw).digest('base64url'), certificate);
}

export const demand = (condition, number = 700027) => { if (!condition) throw new EntraError(number); };

// base64url with one spelling only: no padding, no stray bits.
export function bytesOf(text) {
  const bytes = Buffer.from(text, 'base64url');
  demand(text && bytes.toString('base64url') === text);
  return bytes;
}

function objectOf(text, members) {
  let value;
  try { value = JSON.parse(bytesOf(text)); } catch { demand(false); }
  demand(value && typeof value === 'object' && !Array.isArray(value));
  demand(Object.keys(value).every((name) => members.includes(name)));
  return value;
}

// The certificates that came along: ours first, each certified by the next.
function checkChain(x5c, certificate) {
  if (x5c === undefined) return;
  demand(Array.isArray(x5c) && x5c.length > 0 && x5c[0] === certificate.raw.toString('base64'));
  const chain = x5c.map((each) => {
    demand(typeof each === 'string' && Buffer.from(each, 'base64').toString('base64') === each);
    return new X509Certificate(Buffer.from(each, 'base64'));
  });
  for (let i = 1; i < chain.length; i += 1) demand(chain[i - 1].checkIssued(chain[i]) && chain[i - 1].verify(chain[i].publicKey));
}

function checkTimes({ nbf, iat, exp }, certificate, now) {
  demand([nbf, iat, exp].every(Number.isInteger), 700024);
  demand(nbf <= now + SKEW && iat <= now + SKEW && exp > now - SKEW && exp > nbf && exp - nbf <= LIFE, 700024);
  demand(Date.parse(certificate.validFrom) / 1000 <= now + SKEW && Date.parse(certificate.validTo) / 1000 > now);
}

function checkReplay(jti, exp, now) {
  for (const [old, until] of seen) if (until < now) seen.delete(old);
  demand(typeof jti === 'string' && jti.length >= 16 && !seen.has(jti));
  seen.set(jti, exp + SKEW);
}

// Throws, or returns the id of the client whose assertion this is.
export function verifyAssertion({ client_assertion: text, client_assertion_type: type, client_id: id }, endpoint) {
  demand(type === TYPE);
  const parts = text.split('.');
  demand(parts.length === 3);
  const header = objectOf(parts[0], HEADER);
  const claims = objectOf(parts[1], CLAIMS);
  const signature = bytesOf(parts[2]);
  demand(Object.hasOwn(PADDING, header.alg) && header.typ === 'JWT');
  const certificate = registered.get(header[THUMBPRINT[header.alg]]);
  demand(certificate);
  demand(Object.values(THUMBPRINT).every((name) => header[name] === undefined || registered.get(header[name]) === certificate));
  checkChain(header.x5c, certificate);
  demand(verify('sha256', Buffer.from(`${parts[0]}.${parts[1]}`), { key: certificate.publicKey, ...PADDING[header.alg] }, signature));
  demand(claims.aud === endpoint);
  demand(typeof claims.iss === 'string' && claims.iss === claims.sub && (id === undefined || id === claims.iss), 700021);
  const now = Math.floor(Date.now() / 1000);
  checkTimes(claims, certificate, now);
  checkReplay(claims.jti, claims.exp, now);
  return claims.iss;
}
