// The sign-in page: the library sends the browser here when it needs to know who the user is.
import { readForm } from './translate.js';
import { userByName } from './users.js';
import * as pages from './pages.js';

async function bodyOf(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > 65536) throw new Error('too long');
  }
  return readForm(text);
}

export function login(provider) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const client = await provider.Client.find(params.client_id);
    const show = (username, problem) => {
      ctx.set('Cache-Control', 'no-store');
      ctx.body = pages.login({ action: ctx.path, clientName: client.clientName, username, problem });
    };
    if (ctx.method !== 'POST') return show(params.login_hint);

    const form = await bodyOf(ctx.req);
    const user = userByName(form.username);
    if (!form.cancel && !user) return show(form.username, "We couldn't find an account with that user name.");
    if (!form.cancel && !form.password) return show(form.username, 'Please enter your password.');
    const result = form.cancel
      ? { error: 'access_denied', error_description: 'the user cancelled' }
      : { login: { accountId: user.oid, amr: ['pwd'] } };
    ctx.status = 303;
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: false }));
    return undefined;
  };
}
