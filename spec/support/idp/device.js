// The device flow's other half: what happens between the code being shown and the token being fetched.
import { EntraError, slowDown } from './errors.js';
import { newGrant } from './provider.js';
import { deviceCodes } from './store.js';
import { userByName } from './users.js';
import { settings } from './state.js';

const TOLERANCE_MS = 250; // a poll may be on the road for longer than the one before it
const pace = new Map(); // device code → { last, interval }

const seconds = () => Math.floor(Date.now() / 1000);
const isPending = (code) => !code.accountId && !code.error && code.exp > seconds();
export const pendingCodes = () => deviceCodes().filter(isPending);

// The pending code of that name, or the one asked for last.
export function pendingCode(userCode) {
  const wanted = userCode?.toUpperCase().replace(/\W/g, '');
  return pendingCodes().filter((code) => !wanted || code.userCode === wanted).at(-1);
}

// What the library does at the end of its page, without the page.
export async function approve(provider, userCode, user = settings.user) {
  const code = await provider.DeviceCode.findByUserCode(userCode);
  const { oid } = userByName(user);
  const grant = await newGrant(provider, oid, code.clientId);
  const { scope, resource } = code.params;
  Object.assign(code, { accountId: oid, grantId: grant.jti, authTime: seconds(), scope, resource });
  await code.save();
}

export async function decline(provider, userCode) {
  const code = await provider.DeviceCode.findByUserCode(userCode);
  Object.assign(code, { error: 'access_denied', errorDescription: 'declined' });
  await code.save();
}

export function expire(code) {
  code.exp = seconds() - 1; // the stored entry itself
}

function checkPace(deviceCode) {
  const now = Date.now();
  const { last = -Infinity, interval = settings.device_interval } = pace.get(deviceCode) ?? {};
  const early = settings.enforce_interval && now - last < interval * 1000 - TOLERANCE_MS;
  pace.set(deviceCode, { last: now, interval: early ? interval + 5 : interval }); // RFC 8628 section 3.5
  if (early) throw slowDown();
}

// Runs before the library sees a poll.
export async function beforePoll(provider, { device_code: deviceCode, client_id: clientId }) {
  const code = deviceCodes().find((each) => each.jti === deviceCode && each.clientId === clientId);
  if (!code) return;
  // The library would revoke everything that came of the first use.
  if (code.consumed) throw new EntraError(70018);
  if (!isPending(code)) return;
  checkPace(deviceCode);
  if (settings.auto_approve) await approve(provider, code.userCode);
}
