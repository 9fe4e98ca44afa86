// The made-up app registrations.
import { createHash, randomBytes } from 'node:crypto';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

export const CLIENTS = {
  daemon: { client_id: 'c0f1de47-0000-4000-8000-00000000da01', secret: 'S3~x%&=+/é', name: 'Contoso nightly job' },
  expired: { client_id: 'c0f1de47-0000-4000-8000-00000000da02', secret: 'old~secret', name: 'Contoso old job' },
  public: { client_id: 'b0b1c000-0000-4000-8000-00000000ca11', name: 'Contoso command line' },
  web: {
    client_id: 'beb00000-0000-4000-8000-000000000eb1', secret: 'web~S3cret+/=', name: 'Contoso web site',
    redirect_uri: 'https://app.contoso.example/auth',
  },
  federated: { client_id: 'fede0000-0000-4000-8000-0000000000fe', name: 'Contoso workload' },
  certificate: { client_id: 'ce700000-0000-4000-8000-00000000ce47', name: 'Contoso certificate job' },
};

// The library takes printable ASCII only, Entra any text: both sides of the comparison are hashed.
export const hashedSecret = (secret) => createHash('sha256').update(secret, 'utf8').digest('hex');

export const clientById = (id) => Object.values(CLIENTS).find(({ client_id: each }) => each === id);

function registration({ client_id, secret, name, redirect_uri: redirect }, more) {
  return {
    client_id,
    client_name: name,
    ...(secret ? { client_secret: hashedSecret(secret), token_endpoint_auth_method: 'client_secret_post' } : {}),
    grant_types: ['client_credentials', DEVICE, 'refresh_token'],
    response_types: [],
    redirect_uris: redirect ? [redirect] : [],
    ...more,
  };
}

// The library sees a secret in place of an assertion, once that has proved good.
export const ASSERTED = hashedSecret(randomBytes(32).toString('hex'));

export function registrations() {
  return [
    registration(CLIENTS.daemon),
    registration(CLIENTS.expired, { client_secret_expires_at: 1577836800 }),
    registration(CLIENTS.public, {
      token_endpoint_auth_method: 'none',
      application_type: 'native', // loopback redirects on any port
      grant_types: ['authorization_code', DEVICE, 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://localhost', 'http://127.0.0.1'],
    }),
    registration(CLIENTS.web, {
      grant_types: ['client_credentials', 'authorization_code', DEVICE, 'refresh_token'],
      response_types: ['code'],
    }),
    registration(CLIENTS.federated, { token_endpoint_auth_method: 'client_secret_post', client_secret: ASSERTED }),
    registration(CLIENTS.certificate, { token_endpoint_auth_method: 'client_secret_post', client_secret: ASSERTED }),
  ];
}
