// `npm test`: starts the provider in a folder of its own and walks through all it can do.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeClient } from './smoke/client.js';
import apps from './smoke/apps.js';
import users from './smoke/users.js';
import pages from './smoke/pages.js';
import faults from './smoke/faults.js';
import life from './smoke/life.js';

const MAIN = path.join(path.dirname(fileURLToPath(import.meta.url)), 'main.js');

// Resolves when the provider said `ready`.
export function start(dir, ...options) {
  const child = spawn(process.execPath, [MAIN, '--dir', dir, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
      if (said.endsWith('\n')) resolve({ child, said, idp: JSON.parse(readFileSync(path.join(dir, 'idp.json'), 'utf8')) });
    });
    child.once('exit', (code) => reject(new Error(`the provider ended with ${code}`)));
  });
}

const dir = mkdtempSync(path.join(tmpdir(), 'idp-smoke-'));
const { child, idp } = await start(dir);
const client = makeClient(idp);
let passed = 0;
let failed = 0;
for (const [name, test] of [...apps, ...users, ...pages, ...faults, ...life]) {
  await client.control('POST', '/reset');
  try {
    await test({ idp, dir, start, ...client });
    passed += 1;
  } catch (err) {
    failed += 1;
    console.log(`FAILED ${name}\n${err.stack}\n`);
  }
}

child.removeAllListeners('exit');
const ended = new Promise((resolve) => { child.once('exit', resolve); });
child.kill('SIGTERM');
if ((await ended) === 0 && !existsSync(path.join(dir, 'idp.json'))) passed += 1;
else failed += 1;
rmSync(dir, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
