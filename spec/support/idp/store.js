// The library's storage, in memory and shared by the tenants: a refresh token of one works in the other.
import { errors } from 'oidc-provider';
import { settings } from './state.js';
import { OIDC_SCOPES, RESOURCE_URIS, allScopes } from './resources.js';

const KEPT = 50000;
const entries = new Map(); // `${model}:${id}` → payload, oldest first
const byUserCode = new Map();
const byUid = new Map();
const fates = new Map(); // refresh token → why it is gone

export const fateOf = (refreshToken) => fates.get(refreshToken);

// Which resource a refresh token was first issued for.
export const firstResource = (refreshToken) => [entries.get(`RefreshToken:${refreshToken}`)?.resource ?? []].flat()[0];

export function deviceCodes() {
  return [...entries].filter(([key]) => key.startsWith('DeviceCode:')).map(([, payload]) => payload);
}

// What an administrator's "revoke sessions" does: every sign-in ends, app-only access is untouched.
export function revokeEverything() {
  for (const key of [...entries.keys()]) {
    const [model] = key.split(':', 1);
    if (!['RefreshToken', 'AuthorizationCode', 'Grant', 'Session'].includes(model)) continue;
    if (model === 'RefreshToken') fates.set(key.slice(model.length + 1), 'revoked');
    entries.delete(key);
  }
}

// An Entra refresh token is bound to user and client, not to a resource: whatever it was issued for, it serves
// all that the user has consented to, and in this directory that is everything.
const EVERYTHING = [...OIDC_SCOPES, ...RESOURCE_URIS.map(allScopes)].join(' ');

function widened(payload) {
  const first = [payload.resource ?? []].flat(); // stays in front: the default of a request without a scope
  return { ...payload, scope: EVERYTHING, resource: [...new Set([...first, ...RESOURCE_URIS])] };
}

export class Store {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    entries.set(this.key(id), payload);
    if (payload.userCode) byUserCode.set(payload.userCode, id);
    if (this.model === 'Session') byUid.set(payload.uid, id);
    if (entries.size > KEPT) entries.delete(entries.keys().next().value);
  }

  async find(id) {
    const payload = entries.get(this.key(id));
    return payload && this.model === 'RefreshToken' ? widened(payload) : payload;
  }

  async findByUserCode(userCode) {
    return this.find(byUserCode.get(userCode));
  }

  async findByUid(uid) {
    return this.find(byUid.get(uid));
  }

  // The library looks at `consumed` first and calls this later; of two requests at the same moment only one may win.
  async consume(id) {
    const payload = entries.get(this.key(id));
    if (this.model === 'RefreshToken' && settings.rotation !== 'strict') return; // Entra keeps the old one good
    if (this.model === 'DeviceCode' && payload.error) return; // a refusal can be asked for again
    if (payload.consumed) {
      if (this.model === 'RefreshToken') await this.revokeByGrantId(payload.grantId);
      const what = { RefreshToken: 'refresh token', DeviceCode: 'device code' }[this.model] ?? 'authorization code';
      throw new errors.InvalidGrant(`${what} already used`);
    }
    payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(this.key(id));
    if (this.model === 'RefreshToken') fates.set(id, 'replayed');
  }

  async revokeByGrantId(grantId) {
    for (const [key, payload] of [...entries]) {
      if (payload.grantId === grantId && key.startsWith(`${this.model}:`)) await this.destroy(key.slice(this.model.length + 1));
    }
  }
}
