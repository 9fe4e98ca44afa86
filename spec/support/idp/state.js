// What the control port can change and see: settings, counters, and the log of requests. One process is one
// provider, so these are plain module values.

const KEPT_REQUESTS = 1000;

const integer = (least) => (value) => Number.isInteger(value) && value >= least;
const orNull = (rule) => (value) => value === null || rule(value);
const oneOf = (...values) => (value) => values.includes(value);
const flag = oneOf(true, false);

// name: [default, rule]. Times are in seconds.
const SETTINGS = {
  access_token_ttl: [3599, integer(0)],
  ext_expires_in: [null, orNull(integer(0))], // null: as expires_in
  refresh_in: [null, orNull(integer(0))], // null: not sent
  expires_in_as_string: [false, flag],
  refresh_token_ttl: [90 * 86400, integer(1)],
  omit_refresh_token: [false, flag],
  rotation: ['entra', oneOf('off', 'entra', 'strict')],
  token_version: [1, oneOf(1, 2)],
  device_ttl: [900, integer(1)],
  device_interval: [5, integer(0)],
  enforce_interval: [false, flag],
  auto_approve: [false, flag],
  user: ['ada@contoso.com', (value) => typeof value === 'string'],
};

export const settings = {};
export const counters = {};
export const requests = [];

export function reset() {
  for (const [name, [value]] of Object.entries(SETTINGS)) settings[name] = value;
  Object.assign(counters, {
    requests: { token: 0, devicecode: 0, authorize: 0, discovery: 0, keys: 0 },
    tokens: { client_credentials: 0, refresh_token: 0, device_code: 0, authorization_code: 0 },
    refused: 0,
    redirected: 0,
  });
  requests.length = 0;
}

// All or nothing: returns the complaint about the first bad member, else undefined.
export function change(wanted) {
  for (const [name, value] of Object.entries(wanted)) {
    if (!Object.hasOwn(SETTINGS, name)) return `unknown setting: ${name}`;
    if (!SETTINGS[name][1](value)) return `bad value for ${name}: ${JSON.stringify(value)}`;
  }
  Object.assign(settings, wanted);
  return undefined;
}

export function record(entry) {
  requests.push(entry);
  if (requests.length > KEPT_REQUESTS) requests.shift();
}

reset();
