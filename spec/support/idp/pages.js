// The few pages that people (and a driven browser) see.
const safe = (text) => String(text ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;background:#f2f2f2;margin:0}main{background:#fff;max-width:26rem;margin:4rem auto;padding:2rem;
box-shadow:0 2px 6px #0003}h1{font-size:1.5rem;margin-top:0}label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;
font:inherit;padding:.4rem}code{font-size:1.6rem;letter-spacing:.1em}.error{color:#a4262c}button{font:inherit;padding:.4rem 1.2rem;margin-right:.5rem}`;

const page = (title, body) => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${safe(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${safe(title)}</h1>
${body}
</main></body></html>
`;

const complaint = (text) => (text ? `<p class="error" role="alert">${safe(text)}</p>` : '');

// The library hands over its form (with the secret against forgery); the button is ours.
export function enterCode(ctx, form, out, err) {
  let problem = '';
  if (err?.name === 'AbortedError') problem = 'You declined. You can close this page.';
  else if (err) problem = 'That code did not work. Check it and try again.';
  ctx.body = page('Enter code', `<p>Enter the code shown by the app that asks you to sign in.</p>${complaint(problem)}
${form}
<p><button type="submit" form="op.deviceInputForm">Next</button></p>`);
}

export function confirmCode(ctx, form, client, deviceInfo, userCode) {
  ctx.body = page('Are you trying to sign in?', `<p>to <strong>${safe(client.clientName)}</strong> with the code</p><p><code>${safe(userCode)}</code></p>
${form}
<p><button type="submit" form="op.deviceConfirmForm">Continue</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Cancel</button></p>`);
}

export function signedIn(ctx) {
  ctx.body = page('You have signed in', `<p>You signed in to ${safe(ctx.oidc.client.clientName)}. You may now close this window.</p>`);
}

export function failure(ctx, out) {
  ctx.type = 'html';
  ctx.body = page('Sorry, but we’re having trouble signing you in', complaint(`${out.error}: ${out.error_description ?? ''}`));
}

export const refusal = (message) => page('Sorry, but we’re having trouble signing you in', complaint(message));

export function login({ action, clientName, username, problem }) {
  return page('Sign in', `<p>to <strong>${safe(clientName)}</strong></p>${complaint(problem)}
<form method="post" action="${safe(action)}">
<label>User name <input name="username" type="text" autocomplete="username" value="${safe(username)}" autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button type="submit">Sign in</button>
<button type="submit" name="cancel" value="yes">Cancel</button>
</form>`);
}
