// node peer_msal.js cached|cold AUTHORITY CLIENT CACHE: msal-node prints a token, from its cache file or by an exchange.
// The secret is in $SECRET. The metadata is handed to it, which spares it two requests.
const fs = require('node:fs');
const msal = require('@azure/msal-node');

const [mode, authority, client, path] = process.argv.slice(2);
const host = new URL(authority).host;
const metadata = {
  authorization_endpoint: `${authority}/oauth2/v2.0/authorize`, token_endpoint: `${authority}/oauth2/v2.0/token`,
  issuer: `${authority}/v2.0`, end_session_endpoint: `${authority}/oauth2/v2.0/logout`, jwks_uri: `${authority}/discovery/v2.0/keys`,
};
const clouds = { tenant_discovery_endpoint: authority, metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }] };
const cachePlugin = {
  async beforeCacheAccess(context) {
    if (mode === 'cached' && fs.existsSync(path)) context.tokenCache.deserialize(fs.readFileSync(path, 'utf8'));
  },
  async afterCacheAccess(context) {
    if (mode === 'cached' && context.cacheHasChanged) fs.writeFileSync(path, context.tokenCache.serialize());
  },
};
new msal.ConfidentialClientApplication({
  auth: {
    clientId: client, clientSecret: process.env.SECRET, authority, knownAuthorities: [host],
    authorityMetadata: JSON.stringify(metadata), cloudDiscoveryMetadata: JSON.stringify(clouds),
  },
  cache: { cachePlugin },
}).acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] }).then((reply) => console.log(reply.accessToken));
