// Another identity provider, such as a Kubernetes cluster, and the trust that the app `federated` has in it: issuer,
// subject and audience must be exactly those of the app's federated credential.
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { TYPE, bytesOf, demand } from './assertions.js';

export const CREDENTIAL = {
  iss: 'https://cluster.contoso.example', sub: 'system:serviceaccount:jobs:nightly', aud: 'api://AzureADTokenExchange',
};
const LIFE = 3600;
const NUMBER = { iss: 700211, sub: 700213, aud: 700212 };
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// A token of the cluster; `claims` replace what it would say.
export function issue(claims) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'cluster' })}.${encode({ ...CREDENTIAL, iat: now, nbf: now, exp: now + LIFE, ...claims })}`;
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
}

// Throws where the token is not the cluster's, not for this app, or not valid now. It may come more than once.
export function verifyFederated({ client_assertion: text, client_assertion_type: type }) {
  demand(type === TYPE);
  const parts = text.split('.');
  demand(parts.length === 3);
  demand(verify('sha256', Buffer.from(`${parts[0]}.${parts[1]}`), publicKey, bytesOf(parts[2])));
  const claims = JSON.parse(bytesOf(parts[1]));
  for (const name of ['iss', 'sub', 'aud']) demand(claims[name] === CREDENTIAL[name], NUMBER[name]);
  const now = Math.floor(Date.now() / 1000);
  demand(claims.nbf <= now && claims.exp > now, 700024);
}
