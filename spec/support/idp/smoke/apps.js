// Discovery, certificates, and the flows without a user.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, createHash, randomUUID, sign, verify, X509Certificate, constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { claimsOf, headerOf, refused } from './client.js';

const GRAPH = 'https://graph.microsoft.com';

const daemon = ({ idp }, more) => ({
  grant_type: 'client_credentials', client_id: idp.clients.daemon.client_id, client_secret: idp.clients.daemon.secret, scope: `${GRAPH}/.default`, ...more,
});

function certificateOf(idp) {
  const { raw } = new X509Certificate(readFileSync(idp.clients.certificate.cert));
  const thumbprint = (hash) => createHash(hash).update(raw).digest('base64url');
  return { x5t: thumbprint('sha1'), x5tS256: thumbprint('sha256'), x5c: raw.toString('base64') };
}

function assertion({ idp }, { alg = 'PS256', header, claims, salt = 32, hash = 'sha256', tail = '' } = {}) {
  const { key, client_id: id } = idp.clients.certificate;
  const now = Math.floor(Date.now() / 1000);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = { alg, typ: 'JWT', 'x5t#S256': certificateOf(idp).x5tS256, ...header };
  const body = { aud: `${idp.base}/${idp.tenant}/oauth2/v2.0/token`, iss: id, sub: id, jti: randomUUID(), nbf: now, iat: now, exp: now + 600, ...claims };
  const text = `${encode(head)}.${encode(body)}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt };
  const signature = sign(hash, Buffer.from(text), { key: createPrivateKey(readFileSync(key)), ...(alg === 'PS256' ? pss : {}) });
  return {
    grant_type: 'client_credentials', client_id: id, scope: `${GRAPH}/.default`,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: `${text}.${signature.toString('base64url')}${tail}`,
  };
}

export default [
  ['metadata names GUID-based endpoints for a domain', async ({ idp, get }) => {
    const meta = JSON.parse((await get(`${idp.base}/${idp.domain}/v2.0/.well-known/openid-configuration`)).text);
    assert.equal(meta.token_endpoint, `${idp.base}/${idp.tenant}/oauth2/v2.0/token`);
    assert.equal(meta.issuer, `${idp.base}/${idp.tenant}/v2.0`);
    assert.equal(meta.code_challenge_methods_supported, undefined);
    const common = JSON.parse((await get(`${idp.base}/common/v2.0/.well-known/openid-configuration`)).text);
    assert.equal(common.issuer, `${idp.base}/{tenantid}/v2.0`);
  }],
  ['both loopback addresses answer', async ({ idp, get }) => {
    const six = Object.values(networkInterfaces()).flat().some(({ address }) => address === '::1');
    for (const host of six ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']) {
      assert.equal((await get(`${idp.base.replace('localhost', host)}/common/discovery/v2.0/keys`)).status, 200);
    }
  }],
  ['the expired and the untrusted certificate are refused', async ({ idp, get }) => {
    await assert.rejects(get(`${idp.expired}/common/discovery/v2.0/keys`), { code: 'CERT_HAS_EXPIRED' });
    await assert.rejects(get(`${idp.untrusted}/common/discovery/v2.0/keys`), /unable to|self.signed/i);
  }],
  ['an unknown tenant', async ({ idp, get, token }) => {
    refused(await token(daemon({ idp }), {}, 'nowhere.example'), 400, 'invalid_tenant', 90002);
    assert.equal(JSON.parse((await get(`${idp.base}/nowhere/v2.0/.well-known/openid-configuration`)).text).error, 'invalid_tenant');
  }],
  ['client credentials: an app-only token, correctly signed', async ({ idp, token, get, control }) => {
    const { json } = await token(daemon({ idp }));
    assert.deepEqual(Object.keys(json).sort(), ['access_token', 'expires_in', 'ext_expires_in', 'token_type']);
    const header = headerOf(json.access_token);
    assert.deepEqual(Object.keys(header).sort(), ['alg', 'kid', 'typ', 'x5t']);
    assert.equal(header.typ, 'JWT');
    const claims = claimsOf(json.access_token);
    assert.equal(claims.aud, GRAPH);
    assert.equal(claims.ver, '1.0');
    assert.ok(claims.roles.length && !claims.scp && claims.appid === idp.clients.daemon.client_id);
    assert.equal(claims.exp - claims.iat, 3599);
    assert.ok(json.access_token.length > 1300 && json.access_token.length < 2000, `length ${json.access_token.length}`);
    const [key] = JSON.parse((await get(`${idp.base}/${idp.tenant}/discovery/v2.0/keys`)).text).keys;
    const [head, body, signature] = json.access_token.split('.');
    assert.ok(verify('sha256', Buffer.from(`${head}.${body}`), createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url')));
    await control('POST', '/settings', { token_version: 2, access_token_ttl: 60, refresh_in: 30, expires_in_as_string: true });
    const second = (await token(daemon({ idp }))).json;
    assert.deepEqual([second.expires_in, second.ext_expires_in, second.refresh_in], ['60', '60', '30']);
    const later = claimsOf(second.access_token);
    assert.deepEqual([later.ver, later.azp, later.exp - later.iat, later.iss], ['2.0', idp.clients.daemon.client_id, 60, `${idp.base}/${idp.tenant}/v2.0`]);
  }],
  ['HTTP Basic works too', async ({ idp, token }) => {
    const { client_id: id, client_secret: secret, ...form } = daemon({ idp });
    const basic = Buffer.from(`${id}:${encodeURIComponent(secret)}`).toString('base64');
    assert.equal((await token(form, { Authorization: `Basic ${basic}` })).status, 200);
  }],
  ['a certificate works in both forms of the assertion, once', async ({ idp, token }) => {
    const good = assertion({ idp });
    assert.equal((await token(good)).status, 200);
    refused(await token(good), 401, 'invalid_client', 700027); // replayed
    const { x5t, x5c } = certificateOf(idp);
    assert.equal((await token(assertion({ idp }, { alg: 'RS256', header: { 'x5t#S256': undefined, x5t } }))).status, 200);
    assert.equal((await token(assertion({ idp }, { header: { x5c: [x5c] } }))).status, 200);
    const { client_id: said, ...anonymous } = assertion({ idp });
    assert.equal((await token(anonymous)).status, 200);
  }],
  ['an assertion that is wrong in one thing', async ({ idp, token }) => {
    const now = Math.floor(Date.now() / 1000);
    const { x5t, x5tS256, x5c } = certificateOf(idp);
    const wrong = [
      { header: { alg: 'none' } }, { header: { alg: 'HS256' } }, { header: { alg: 'PS384' } }, { header: { alg: undefined } },
      { header: { alg: 'RS256', x5t } }, { header: { typ: undefined } }, { header: { typ: 'at+jwt' } }, { header: { kid: 'x' } },
      { header: { 'x5t#S256': undefined } }, { header: { 'x5t#S256': 'AAAA' } }, { header: { 'x5t#S256': `${x5tS256}=` } },
      { header: { 'x5t#S256': undefined, x5t } }, { header: { x5t: 'AAAA' } }, { header: { x5c: [] } }, { header: { x5c } },
      { header: { x5c: [x5c.replace(/=*$/, '=='), x5c] } }, { header: { x5c: ['AAAA'] } }, { salt: 20 }, { hash: 'sha512' },
      { claims: { aud: 'https://elsewhere.example' } }, { claims: { aud: `${idp.base}/${idp.tenant}/v2.0` } }, { claims: { aud: undefined } },
      { claims: { aud: `${idp.base}/${idp.domain}/oauth2/v2.0/token` } }, { claims: { aud: [`${idp.base}/${idp.tenant}/oauth2/v2.0/token`] } },
      { claims: { jti: undefined } }, { claims: { jti: 7 } }, { claims: { jti: 'short' } }, { claims: { scope: 'x' } }, { tail: 'A' }, { tail: '=' },
    ];
    for (const each of wrong) {
      const reply = await token(assertion({ idp }, each));
      assert.equal(reply.json?.error_codes?.[0], 700027, JSON.stringify(each));
    }
    for (const claims of [{ exp: 1700000000 }, { exp: now + 1200 }, { nbf: now + 400, iat: now + 400, exp: now + 900 }, { exp: String(now + 600) },
      { exp: now + 0.5 }, { exp: undefined }, { nbf: undefined }, { iat: undefined }, { iat: now + 400 }]) {
      refused(await token(assertion({ idp }, { claims })), 401, 'invalid_client', 700024);
    }
    for (const claims of [{ iss: randomUUID() }, { sub: randomUUID() }, { iss: undefined, sub: undefined }, { iss: idp.clients.daemon.client_id, sub: idp.clients.daemon.client_id }]) {
      refused(await token(assertion({ idp }, { claims })), 401, 'invalid_client', 700021);
    }
    const { client_id: daemonId } = idp.clients.daemon;
    refused(await token({ ...assertion({ idp }, { claims: { iss: daemonId, sub: daemonId } }), client_id: daemonId }), 401, 'invalid_client', 700027);
    const form = assertion({ idp });
    refused(await token({ ...form, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }), 401, 'invalid_client', 700027);
    refused(await token({ ...form, client_assertion: form.client_assertion.replace(/\.[^.]*$/, '.') }), 401, 'invalid_client', 700027);
    refused(await token({ ...form, client_assertion: 'not.ajwt' }), 401, 'invalid_client', 700027);
    assert.equal((await token(form)).status, 200); // what was refused did not use it up
  }],
  ['a second certificate can be registered, and another key does not sign for it', async ({ idp, token, control }) => {
    assert.equal((await control('POST', '/certificates', { pem: 'nonsense' })).status, 400);
    const pem = readFileSync(idp.ca, 'utf8'); // any certificate that is not the app's
    assert.equal((await control('POST', '/certificates', { pem })).status, 200);
    const thumbprint = createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url');
    refused(await token(assertion({ idp }, { header: { 'x5t#S256': thumbprint } })), 401, 'invalid_client', 700027);
  }],
  ['a workload of another identity provider, by issuer, subject, audience, time and signature', async ({ idp, token, control }) => {
    const ask = async (claims, spoil = (text) => text) => token({
      grant_type: 'client_credentials', client_id: idp.clients.federated.client_id, scope: `${GRAPH}/.default`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: spoil((await control('POST', '/federation/token', claims)).json.token),
    });
    const now = Math.floor(Date.now() / 1000);
    assert.equal((await ask({})).status, 200);
    refused(await ask({ iss: 'https://cluster.contoso.example/' }), 401, 'invalid_client', 700211);
    refused(await ask({ sub: 'system:serviceaccount:jobs:Nightly' }), 401, 'invalid_client', 700213);
    refused(await ask({ aud: 'https://kubernetes.default.svc' }), 401, 'invalid_client', 700212);
    refused(await ask({ exp: now - 1 }), 401, 'invalid_client', 700024);
    refused(await ask({ nbf: now + 60 }), 401, 'invalid_client', 700024);
    refused(await ask({}, (text) => text.replace(/\.[^.]*$/, '.AAAA')), 401, 'invalid_client', 700027);
    refused(await ask({}, () => assertion({ idp }).client_assertion), 401, 'invalid_client', 700027);
  }],
  ['bad credentials, each with its own number', async ({ idp, token }) => {
    const { expired, public: app } = idp.clients;
    refused(await token(daemon({ idp }, { client_secret: 'wrong' })), 401, 'invalid_client', 7000215);
    refused(await token(daemon({ idp }, { client_id: expired.client_id, client_secret: expired.secret })), 401, 'invalid_client', 7000222);
    refused(await token(daemon({ idp }, { client_id: randomUUID() })), 400, 'unauthorized_client', 700016);
    refused(await token(daemon({ idp }, { client_id: app.client_id })), 401, 'invalid_client', 700025);
    const { client_secret: gone, ...bare } = daemon({ idp });
    refused(await token(bare), 401, 'invalid_client', 7000216);
    refused(await token({ ...bare, grant_type: 'refresh_token', refresh_token: 'x' }), 401, 'invalid_client', 7000218);
  }],
  ['bad scopes, each with its own number', async ({ idp, token }) => {
    const ask = (scope, more) => token(daemon({ idp }, { scope, ...more }));
    refused(await ask(`${GRAPH}/User.Read`), 400, 'invalid_scope', 1002012);
    refused(await ask(`${GRAPH}/.default offline_access`), 400, 'invalid_scope', 1002012);
    refused(await ask(`${GRAPH}/.default https://vault.azure.net/.default`), 400, 'invalid_scope', 28000);
    refused(await ask('https://nothing.example/.default'), 400, 'invalid_resource', 500011);
    refused(await ask(`${GRAPH}/.default`, { resource: GRAPH }), 400, 'invalid_request', 901002);
    assert.equal(claimsOf((await ask('https://management.azure.com//.default')).json.access_token).aud, 'https://management.azure.com/');
  }],
  ['malformed requests', async ({ idp, token, get, post }) => {
    const url = `${idp.base}/${idp.tenant}/oauth2/v2.0/token`;
    const raw = (body) => get(url, { method: 'POST', body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
    assert.deepEqual(JSON.parse((await raw('grant_type=%zz')).text).error_codes, [9002313]);
    assert.deepEqual(JSON.parse((await raw('client_secret=%E9')).text).error_codes, [9002313]); // Latin-1
    assert.deepEqual(JSON.parse((await raw('a=1&a=2')).text).error_codes, [9000411]);
    assert.deepEqual(JSON.parse((await get(url)).text).error_codes, [900561]);
    refused(await post(url, {}), 400, 'invalid_request', 900144);
    refused(await token(daemon({ idp }, { grant_type: 'password' })), 400, 'unsupported_grant_type', 70003);
    refused(await token(daemon({ idp }), { Origin: 'https://x.example' }), 400, 'invalid_request', 9002326);
    refused(await token(daemon({ idp }), {}, 'common'), 400, 'invalid_request', 9001023);
  }],
  ['the correlation id is echoed', async ({ idp, token }) => {
    const id = randomUUID();
    const { json, headers } = await token(daemon({ idp }, { client_secret: 'x' }), { 'client-request-id': id, 'return-client-request-id': 'true' });
    assert.equal(json.correlation_id, id);
    assert.equal(headers['client-request-id'], id);
    assert.equal(headers['x-ms-request-id'], json.trace_id);
  }],
  ['counters and the log of requests', async ({ idp, token, control }) => {
    await token(daemon({ idp }));
    await token(daemon({ idp }, { client_secret: 'x' }));
    const { json: counters } = await control('GET', '/counters');
    assert.deepEqual([counters.requests.token, counters.tokens.client_credentials, counters.refused], [2, 1, 1]);
    const { json: requests } = await control('GET', '/requests');
    assert.deepEqual(requests.map(({ form }) => form.client_secret), [idp.clients.daemon.secret, 'x']);
    assert.equal((await control('POST', '/settings', { nonsense: 1 })).status, 400);
    assert.equal((await control('POST', '/settings', { rotation: 'sometimes' })).status, 400);
    assert.equal((await control('POST', '/faults', { kind: 'nonsense' })).status, 400);
  }],
];
