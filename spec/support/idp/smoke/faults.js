// Each kind of fault, and how they are counted.
import assert from 'node:assert/strict';
import { refresh, signIn } from './users.js';

const ask = (t) => t.token({ grant_type: 'client_credentials', client_id: t.idp.clients.daemon.client_id, client_secret: t.idp.clients.daemon.secret, scope: 'https://graph.microsoft.com/.default' });

async function once(t, fault) {
  const { status, json } = await t.control('POST', '/faults', { endpoint: 'token', times: 1, ...fault });
  assert.equal(status, 200, JSON.stringify(json));
}

export default [
  ['delay', async (t) => {
    await once(t, { kind: 'delay', ms: 300 });
    const began = Date.now();
    assert.equal((await ask(t)).status, 200);
    assert.ok(Date.now() - began >= 300);
  }],
  ['hang', async (t) => {
    await once(t, { kind: 'hang' });
    const late = new Promise((resolve) => { setTimeout(resolve, 400, 'late'); });
    assert.equal(await Promise.race([ask(t).catch(() => {}), late]), 'late');
  }],
  ['reset', async (t) => {
    await once(t, { kind: 'reset' });
    await assert.rejects(ask(t), { code: 'ECONNRESET' });
  }],
  ['truncate', async (t) => {
    await once(t, { kind: 'truncate' });
    await assert.rejects(ask(t), /aborted/);
  }],
  ['html, html_error', async (t) => {
    await once(t, { kind: 'html' });
    await once(t, { kind: 'html_error' });
    for (const status of [200, 502]) {
      const reply = await ask(t);
      assert.equal(reply.status, status);
      assert.match(reply.headers['content-type'], /text\/html/);
    }
  }],
  ['big', async (t) => {
    await once(t, { kind: 'big' });
    assert.equal((await ask(t)).text.length, 10 * 1024 * 1024);
  }],
  ['status', async (t) => {
    await once(t, { kind: 'status', status: 429, retry_after: 60 });
    const reply = await ask(t);
    assert.deepEqual([reply.status, reply.headers['retry-after'], reply.text], [429, '60', 'Too Many Requests']);
  }],
  ['wrong_type, crlf_token', async (t) => {
    await once(t, { kind: 'wrong_type' });
    await once(t, { kind: 'crlf_token' });
    assert.equal((await ask(t)).json.token_type, 'pop');
    assert.match((await ask(t)).json.access_token, /\r\n/);
  }],
  ['redirect: its target would succeed and counts who comes', async (t) => {
    await once(t, { kind: 'redirect', status: 307 });
    const reply = await ask(t);
    assert.equal(reply.status, 307);
    assert.equal((await t.control('GET', '/counters')).json.redirected, 0);
    assert.equal((await t.post(reply.headers.location, {})).json.access_token, 'redirected');
    assert.equal((await t.control('GET', '/counters')).json.redirected, 1);
  }],
  ['json, raw_body', async (t) => {
    await once(t, { kind: 'json', status: 200, body: { error: 'x' } });
    await once(t, { kind: 'raw_body', status: 418, content_type: 'text/x', body: '{' });
    assert.deepEqual((await ask(t)).json, { error: 'x' });
    const raw = await ask(t);
    assert.deepEqual([raw.status, raw.headers['content-type'], raw.text], [418, 'text/x', '{']);
  }],
  ['drop_after: done, but not told', async (t) => {
    await t.control('POST', '/settings', { rotation: 'strict' });
    const { refresh_token: token } = await signIn(t);
    await once(t, { kind: 'drop_after', grant_type: 'refresh_token' });
    await assert.rejects(refresh(t, token), { code: 'ECONNRESET' });
    assert.equal((await t.control('GET', '/counters')).json.tokens.refresh_token, 1);
    assert.equal((await refresh(t, token)).status, 400); // it was used up
  }],
  ['after, times, endpoint, grant_type, clear', async (t) => {
    await once(t, { kind: 'status', status: 503, after: 1, times: 1 });
    await once(t, { kind: 'status', status: 500, grant_type: ['refresh_token', 'device_code'], times: 9 });
    await once(t, { kind: 'status', status: 500, endpoint: 'devicecode', times: 9 });
    for (const status of [200, 503, 200]) assert.equal((await ask(t)).status, status);
    assert.equal((await t.devicecode({})).status, 500);
    assert.equal((await t.get(`${t.idp.base}/common/discovery/v2.0/keys`)).status, 200);
    await t.control('DELETE', '/faults');
    assert.equal((await t.devicecode({})).status, 400);
  }],
];
