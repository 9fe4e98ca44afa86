// The made-up people. Any password that is not empty signs them in.
import { TENANTS } from './tenants.js';

const HOME = TENANTS[0].id;

export const USERS = [
  { upn: 'ada@contoso.com', oid: 'aaaaaaaa-0000-4000-8000-000000000001', name: 'Ada Lovelace', given: 'Ada', family: 'Lovelace' },
  { upn: 'bob@contoso.com', oid: 'aaaaaaaa-0000-4000-8000-000000000002', name: 'Bob Builder', given: 'Bob', family: 'Builder' },
  { upn: 'grace@contoso.com', oid: 'aaaaaaaa-0000-4000-8000-000000000003', name: 'Grace Hopper', given: 'Grace', family: 'Hopper' },
];

export const userByName = (upn) => USERS.find((user) => user.upn === String(upn).trim().toLowerCase());
export const userById = (oid) => USERS.find((user) => user.oid === oid);

// The unsigned account hint that user flows get when they send client_info=1.
export const clientInfo = (oid) => Buffer.from(JSON.stringify({ uid: oid, utid: HOME })).toString('base64url');
