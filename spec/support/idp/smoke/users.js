// The device flow and what comes after it.
import assert from 'node:assert/strict';
import { claimsOf, refused } from './client.js';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const SCOPE = 'User.Read openid profile email offline_access';

async function begin(t, scope = SCOPE) {
  const { json } = await t.devicecode({ client_id: t.idp.clients.public.client_id, scope });
  return json;
}

const poll = (t, { device_code }, more) => t.token({ grant_type: DEVICE, client_id: t.idp.clients.public.client_id, device_code, client_info: '1', ...more });

async function signIn(t, scope) {
  const code = await begin(t, scope);
  await t.control('POST', '/device/approve');
  return (await poll(t, code)).json;
}

const refresh = (t, token, scope = SCOPE, tenant) => t.token({ grant_type: 'refresh_token', client_id: t.idp.clients.public.client_id, refresh_token: token, scope }, {}, tenant);

export { begin, poll, signIn, refresh, SCOPE };

export default [
  ['device: pending, approved, token, used', async (t) => {
    const code = await begin(t);
    assert.deepEqual(Object.keys(code).sort(), ['device_code', 'expires_in', 'interval', 'message', 'user_code', 'verification_uri']);
    refused(await poll(t, code), 400, 'authorization_pending', 70016);
    assert.deepEqual((await t.control('GET', '/device')).json.at(-1), { user_code: code.user_code, client_id: t.idp.clients.public.client_id, scope: SCOPE });
    await t.control('POST', '/device/approve', { user_code: code.user_code, user: 'bob@contoso.com' });
    const { json } = await poll(t, code);
    assert.equal(json.scope, 'User.Read openid profile email');
    const claims = claimsOf(json.access_token);
    assert.deepEqual([claims.upn, claims.scp, claims.roles, claims.tid], ['bob@contoso.com', 'User.Read openid profile email', undefined, t.idp.tenant]);
    const id = claimsOf(json.id_token);
    assert.deepEqual([id.aud, id.iss, id.tid, id.preferred_username, id.ver], [t.idp.clients.public.client_id, `${t.idp.base}/${t.idp.tenant}/v2.0`, t.idp.tenant, 'bob@contoso.com', '2.0']);
    assert.deepEqual(JSON.parse(Buffer.from(json.client_info, 'base64url')), { uid: claims.oid, utid: t.idp.tenant });
    assert.ok(json.refresh_token.length > 800);
    refused(await poll(t, code), 400, 'bad_verification_code', 70018);
    assert.equal((await refresh(t, json.refresh_token)).status, 200); // using the code twice hurts nobody
  }],
  ['device: declined, expired, unknown', async (t) => {
    const declined = await begin(t);
    await t.control('POST', '/device/decline');
    for (let i = 0; i < 2; i += 1) refused(await poll(t, declined), 400, 'authorization_declined', 70017);
    const expired = await begin(t);
    await t.control('POST', '/device/expire');
    refused(await poll(t, expired), 400, 'expired_token', 70020);
    refused(await poll(t, { device_code: 'x' }), 400, 'bad_verification_code', 70018);
    await t.control('POST', '/settings', { device_ttl: 77 });
    assert.equal((await begin(t)).expires_in, 77);
  }],
  ['device: slow_down, and approval at the first poll', async (t) => {
    await t.control('POST', '/settings', { device_interval: 1, enforce_interval: true });
    const code = await begin(t);
    refused(await poll(t, code), 400, 'authorization_pending', 70016);
    refused(await poll(t, code), 400, 'slow_down', 70016);
    await t.control('POST', '/settings', { auto_approve: true });
    assert.equal((await poll(t, await begin(t))).status, 200);
  }],
  ['device: a confidential client is asked for its secret at the token endpoint', async (t) => {
    const { client_id, secret } = t.idp.clients.web;
    const { json } = await t.devicecode({ client_id, scope: 'User.Read' });
    refused(await poll(t, json, { client_id }), 401, 'invalid_client', 7000218);
    await t.control('POST', '/device/approve');
    assert.equal((await poll(t, json, { client_id, client_secret: secret })).status, 200);
  }],
  ['without openid and offline_access there are no such tokens', async (t) => {
    const json = await signIn(t, 'https://graph.microsoft.com/.default');
    assert.equal(json.scope, 'https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default');
    assert.deepEqual([json.id_token, json.refresh_token], [undefined, undefined]);
  }],
  ['OpenID scopes alone are about Graph', async (t) => {
    const json = await signIn(t, 'openid offline_access');
    const claims = claimsOf(json.access_token);
    assert.deepEqual([claims.aud, claims.scp, json.scope], ['https://graph.microsoft.com', 'openid', 'openid']);
  }],
  ['claims: a capability shows in the token, anything but an object is refused', async (t) => {
    const { refresh_token: token } = await signIn(t);
    const form = { grant_type: 'refresh_token', client_id: t.idp.clients.public.client_id, refresh_token: token };
    const { json } = await t.token({ ...form, claims: '{"access_token":{"xms_cc":{"values":["cp1"]}}}' });
    assert.deepEqual(claimsOf(json.access_token).xms_cc, ['cp1']);
    for (const claims of ['[]', 'null', '{', '1']) refused(await t.token({ ...form, claims }), 400, 'invalid_request', 9002313);
  }],
  ['refresh: another resource, another tenant, no scope, policies', async (t) => {
    const { refresh_token: token } = await signIn(t);
    const vault = (await refresh(t, token, 'https://vault.azure.net/.default openid offline_access')).json;
    assert.equal(claimsOf(vault.access_token).aud, 'https://vault.azure.net');
    assert.equal(vault.scope, 'https://vault.azure.net/user_impersonation https://vault.azure.net/.default openid');
    const guest = (await refresh(t, token, SCOPE, t.idp.tenants[1].domain)).json;
    assert.equal(claimsOf(guest.access_token).tid, t.idp.tenants[1].id);
    assert.equal(claimsOf((await t.token({ grant_type: 'refresh_token', client_id: t.idp.clients.public.client_id, refresh_token: token })).json.access_token).aud, 'https://graph.microsoft.com');
    refused(await refresh(t, token, 'https://nothing.example/.default'), 400, 'invalid_resource', 500011);
    const mfa = await refresh(t, token, 'Needs.Mfa offline_access');
    refused(mfa, 400, 'invalid_grant', 50076);
    assert.equal(mfa.json.suberror, 'basic_action');
    assert.ok(JSON.parse(mfa.json.claims).access_token);
    const consent = await refresh(t, token, 'Needs.Consent');
    refused(consent, 400, 'invalid_grant', 65001);
    assert.equal(consent.json.suberror, 'consent_required');
    assert.equal((await refresh(t, token)).status, 200);
  }],
  ['rotation off: the same refresh token comes back', async (t) => {
    await t.control('POST', '/settings', { rotation: 'off' });
    const { refresh_token: token } = await signIn(t);
    for (let i = 0; i < 2; i += 1) assert.equal((await refresh(t, token)).json.refresh_token, token);
  }],
  ['rotation as Entra: a new one, and the old one stays good', async (t) => {
    const { refresh_token: old } = await signIn(t);
    const { refresh_token: young } = (await refresh(t, old)).json;
    assert.notEqual(young, old);
    assert.equal((await refresh(t, old)).status, 200);
    assert.equal((await refresh(t, young)).status, 200);
    await t.control('POST', '/settings', { omit_refresh_token: true });
    assert.equal((await refresh(t, young)).json.refresh_token, undefined);
  }],
  ['rotation strict: a replay ends the family, not its neighbour', async (t) => {
    await t.control('POST', '/settings', { rotation: 'strict' });
    const { refresh_token: old } = await signIn(t);
    const { refresh_token: neighbour } = await signIn(t);
    const { refresh_token: young } = (await refresh(t, old)).json;
    refused(await refresh(t, young, 'Needs.Mfa'), 400, 'invalid_grant', 50076); // not used up by a refusal
    refused(await refresh(t, old), 400, 'invalid_grant', 70000);
    refused(await refresh(t, young), 400, 'invalid_grant', 70000);
    const storm = await Promise.all([1, 2, 3, 4].map(() => refresh(t, neighbour)));
    assert.equal(storm.filter(({ status }) => status === 200).length, 1);
  }],
  ['revoked, expired, invented, and another client’s refresh token', async (t) => {
    const { refresh_token: token } = await signIn(t);
    await t.control('POST', '/revoke');
    refused(await refresh(t, token), 400, 'invalid_grant', 50173);
    refused(await refresh(t, 'invented'), 400, 'invalid_grant', 70000);
    await t.control('POST', '/settings', { refresh_token_ttl: 1 });
    const { refresh_token: short } = await signIn(t);
    await new Promise((resolve) => { setTimeout(resolve, 2100); });
    refused(await refresh(t, short), 400, 'invalid_grant', 700082);
    await t.control('POST', '/reset');
    const { refresh_token: mine } = await signIn(t);
    const { client_id, secret } = t.idp.clients.web;
    refused(await t.token({ grant_type: 'refresh_token', client_id, client_secret: secret, refresh_token: mine, scope: SCOPE }), 400, 'invalid_grant', 70000);
  }],
];
