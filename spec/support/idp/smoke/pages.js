// The pages, by filling in their forms.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { claimsOf, refused } from './client.js';
import { begin, poll } from './users.js';

const ADA = { username: 'ada@contoso.com', password: 'x' };

function authorizeUrl({ idp }, more) {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: idp.clients.public.client_id, response_type: 'code', redirect_uri: 'http://localhost:51703', response_mode: 'query',
    scope: 'openid profile offline_access https://graph.microsoft.com/User.Read', state: 's', nonce: 'n',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', client_info: '1', prompt: 'select_account', ...more,
  });
  return { url: `${idp.base}/${idp.domain}/oauth2/v2.0/authorize?${query}`, verifier };
}

const redeem = (t, code, verifier, more) => t.token({
  grant_type: 'authorization_code', client_id: t.idp.clients.public.client_id, code, redirect_uri: 'http://localhost:51703', code_verifier: verifier, client_info: '1', ...more,
}, {}, t.idp.domain);

export default [
  ['device page: code, confirm, sign in', async (t) => {
    const code = await begin(t);
    const browser = t.browser();
    let page = await browser.submit(await browser.open(code.verification_uri), { user_code: 'NONSENSE' });
    assert.match(page.text, /did not work/);
    page = await browser.submit(page, { user_code: code.user_code.toLowerCase() });
    assert.match(page.text, /Contoso command line/);
    page = await browser.submit(page, {});
    page = await browser.submit(page, { username: 'nobody@contoso.com', password: 'x' });
    assert.match(page.text, /find an account/);
    page = await browser.submit(page, { username: ADA.username });
    assert.match(page.text, /password/);
    page = await browser.submit(page, ADA);
    assert.match(page.text, /You have signed in/);
    assert.equal(claimsOf((await poll(t, code)).json.access_token).upn, ADA.username);
  }],
  ['device page: declined at the code and at the sign-in', async (t) => {
    const code = await begin(t);
    const browser = t.browser();
    const page = await browser.submit(await browser.open(code.verification_uri), { user_code: code.user_code });
    assert.match((await browser.submit(page, { abort: 'yes' })).text, /You declined/);
    refused(await poll(t, code), 400, 'authorization_declined', 70017);
    const other = await begin(t);
    const login = await browser.submit(await browser.submit(await browser.open(other.verification_uri), { user_code: other.user_code }), {});
    await browser.submit(login, { cancel: 'yes' });
    refused(await poll(t, other), 400, 'authorization_declined', 70017);
  }],
  ['authorization code with PKCE to a loopback port', async (t) => {
    const { url, verifier } = authorizeUrl(t);
    const browser = t.browser();
    const landed = new URL((await browser.submit(await browser.open(url), ADA)).url);
    assert.equal(landed.origin, 'http://localhost:51703');
    assert.deepEqual([...landed.searchParams.keys()].sort(), ['code', 'session_state', 'state']);
    const code = landed.searchParams.get('code');
    const { json } = await redeem(t, code, verifier);
    assert.equal(json.scope, 'https://graph.microsoft.com/User.Read openid profile');
    assert.equal(claimsOf(json.id_token).nonce, 'n');
    assert.ok(json.refresh_token && json.client_info);
    refused(await redeem(t, code, verifier), 400, 'invalid_grant', 54005);
    const silent = new URL((await browser.open(authorizeUrl(t, { prompt: 'none' }).url)).url); // the session is remembered
    assert.ok(silent.searchParams.get('code'));
    const again = await browser.open(authorizeUrl(t).url);
    assert.match(again.text, /Sign in/); // but select_account asks
  }],
  ['authorization code: several resources, the wrong verifier, another redirect', async (t) => {
    const both = 'offline_access https://graph.microsoft.com/User.Read https://vault.azure.net/user_impersonation';
    const browser = t.browser();
    const visit = async (more) => {
      const { url, verifier } = authorizeUrl(t, { scope: both, nonce: '', ...more });
      const page = await browser.submit(await browser.open(url), ADA);
      return { code: new URL(page.url).searchParams.get('code'), verifier };
    };
    const first = await visit();
    const { json } = await redeem(t, first.code, first.verifier, { scope: 'https://vault.azure.net/user_impersonation' });
    assert.equal(claimsOf(json.access_token).aud, 'https://vault.azure.net');
    const second = await visit();
    refused(await redeem(t, second.code, randomBytes(32).toString('base64url')), 400, 'invalid_grant', 501481);
    const third = await visit();
    refused(await redeem(t, third.code, third.verifier, { redirect_uri: 'http://localhost:1' }), 400, 'invalid_grant', 500112);
  }],
  ['authorization code: the web site, with its secret, as another user than before', async (t) => {
    const { client_id, secret, redirect_uri } = t.idp.clients.web;
    const url = (more) => `${t.idp.base}/common/oauth2/v2.0/authorize?${new URLSearchParams({ client_id, redirect_uri, response_type: 'code', scope: 'User.Read offline_access', ...more })}`;
    const browser = t.browser();
    await browser.submit(await browser.open(url()), ADA);
    const ending = await browser.submit(await browser.open(url({ prompt: 'login' })), { username: 'bob@contoso.com', password: 'x' });
    const landed = new URL((await browser.submit(ending, {})).url); // the library ends the first session by a form that sends itself
    const form = { grant_type: 'authorization_code', client_id, redirect_uri, code: landed.searchParams.get('code') };
    refused(await t.token(form), 401, 'invalid_client', 7000218);
    const { json } = await t.token({ ...form, client_secret: secret });
    assert.equal(claimsOf(json.access_token).upn, 'bob@contoso.com');
    refused(await t.token({ grant_type: 'refresh_token', client_id, refresh_token: json.refresh_token }), 401, 'invalid_client', 7000218);
  }],
  ['authorization code: cancelled, no session, foreign redirect, unknown client', async (t) => {
    const browser = t.browser();
    const landed = new URL((await browser.submit(await browser.open(authorizeUrl(t).url), { cancel: 'yes' })).url);
    assert.deepEqual([landed.searchParams.get('error'), landed.searchParams.get('state')], ['access_denied', 's']);
    assert.match(landed.searchParams.get('error_description'), /^AADSTS65004/);
    const silent = new URL((await t.browser().open(authorizeUrl(t, { prompt: 'none' }).url)).url);
    assert.equal(silent.searchParams.get('error'), 'login_required');
    for (const more of [{ redirect_uri: 'http://evil.example' }, { client_id: 'nobody' }]) {
      const page = await t.browser().open(authorizeUrl(t, more).url);
      assert.equal(page.status, 400);
      assert.match(page.text, /trouble signing you in/);
    }
  }],
];
