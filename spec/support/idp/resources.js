// The APIs a token can be asked for, and Entra's way of naming their permissions: `{resource}/{permission}`,
// where a name without a resource means Microsoft Graph.
import { EntraError } from './errors.js';

export const GRAPH = 'https://graph.microsoft.com';

// permissions: what an app may ask for; consented: what `.default` yields; roles: what an app-only token carries.
const RESOURCES = {
  [GRAPH]: {
    appId: '00000003-0000-0000-c000-000000000000',
    permissions: ['User.Read', 'User.ReadBasic.All', 'User.Read.All', 'User.ReadWrite.All', 'Mail.Read', 'Mail.ReadWrite',
      'Mail.Send', 'Calendars.Read', 'Calendars.ReadWrite', 'Contacts.Read', 'Files.Read', 'Files.Read.All',
      'Files.ReadWrite.All', 'Sites.Read.All', 'Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All',
      'Directory.AccessAsUser.All', 'Application.Read.All', 'Application.ReadWrite.All', 'Tasks.Read', 'Tasks.ReadWrite',
      'Needs.Mfa', 'Needs.Consent'],
    consented: ['User.Read'],
    roles: ['Application.Read.All', 'User.Read.All'],
  },
  'https://management.azure.com': {
    appId: '797f4846-ba00-4fd7-ba43-dac1f8f63013',
    permissions: ['user_impersonation'], consented: ['user_impersonation'], roles: [],
  },
  'https://vault.azure.net': {
    appId: 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093',
    permissions: ['user_impersonation'], consented: ['user_impersonation'], roles: [],
  },
  'api://my-api': {
    appId: '5b0e7b5e-0000-4000-8000-00000000a911',
    permissions: ['access_as_user', 'read', 'write', 'Tasks.Read'], consented: ['access_as_user'], roles: ['Tasks.Read.All'],
  },
};

const OIDC = ['openid', 'profile', 'email', 'offline_access'];
// OpenID Connect makes offline_access depend on prompt=consent, Entra does not. Behind the door it bears a
// name of our own, to which the library attaches no such rule.
export const OFFLINE = 'offline';
export const OIDC_SCOPES = ['openid', 'profile', 'email', OFFLINE];

export const asTyped = (scope) => scope.split(' ').map((each) => (each === OFFLINE ? 'offline_access' : each)).join(' ');

export const RESOURCE_URIS = Object.keys(RESOURCES);

// `https://management.azure.com//.default` is ARM as well (its identifier ends in a slash); so is its app id.
function resourceNamed(typed) {
  const uri = typed.replace(/\/$/, '');
  if (RESOURCES[uri]) return uri;
  return RESOURCE_URIS.find((known) => RESOURCES[known].appId === typed.toLowerCase());
}

// One scope as typed → { uri, prefix, name }. The prefix keeps the caller's spelling for the reply.
function parse(scope) {
  const slash = scope.lastIndexOf('/');
  const typed = slash < 0 ? GRAPH : scope.slice(0, slash);
  const uri = resourceNamed(typed);
  if (!uri) throw new EntraError(500011, { resource: typed });
  const wanted = scope.slice(slash + 1);
  const name = [...RESOURCES[uri].permissions, '.default'].find((known) => known.toLowerCase() === wanted.toLowerCase());
  if (!name) throw new EntraError(70011, { scope });
  return { uri, prefix: slash < 0 ? '' : `${typed}/`, name };
}

// The scope parameter → { uris, scope }: the resources in the order of asking, and the text for the library.
export function readScopes(text) {
  const uris = new Set();
  const scopes = new Set();
  const kinds = new Map(); // uri → whether .default and named permissions were asked for
  for (const scope of text.split(/\s+/).filter(Boolean)) {
    const oidc = OIDC.find((known) => known === scope.toLowerCase());
    if (oidc) {
      scopes.add(oidc === 'offline_access' ? OFFLINE : oidc);
    } else {
      const { uri, prefix, name } = parse(scope);
      uris.add(uri);
      scopes.add(prefix + name);
      kinds.set(uri, (kinds.get(uri) ?? new Set()).add(name === '.default'));
    }
  }
  for (const kind of kinds.values()) if (kind.size > 1) throw new EntraError(70011, { scope: text });
  if (!uris.size) uris.add(GRAPH); // only OpenID scopes: they live on Graph
  return { uris: [...uris], scope: [...scopes].join(' ') };
}

// Every spelling of every permission: what the library is told the resource offers.
export function allScopes(uri) {
  const { appId, permissions } = RESOURCES[uri];
  const prefixes = [`${uri}/`, `${uri}//`, `${appId}/`, ...(uri === GRAPH ? [''] : [])];
  return prefixes.flatMap((prefix) => [...permissions, '.default'].map((name) => prefix + name)).join(' ');
}

const split = (scope) => /^(.*\/)?([^/]*)$/.exec(scope).slice(1);

// `R/.default` stands for what was consented to beforehand; the literal stays in the list, as at Entra.
export function expand(uri, scopes) {
  return [...new Set(scopes.flatMap((scope) => {
    const [prefix = '', name] = split(scope);
    return name === '.default' ? [...RESOURCES[uri].consented.map((each) => prefix + each), scope] : [scope];
  }))];
}

export const permissionNames = (scopes) => [...new Set(scopes.map((scope) => split(scope)[1]))].filter((name) => name !== '.default');
export const audience = (uri, scopes) => (scopes.some((scope) => scope.startsWith(`${uri}//`)) ? `${uri}/` : uri);
export const rolesOf = (uri) => RESOURCES[uri].roles;
