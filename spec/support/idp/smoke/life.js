// Start and stop.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import path from 'node:path';

const exit = (child) => new Promise((resolve) => {
  child.removeAllListeners('exit');
  child.once('exit', (code, signal) => resolve(code ?? signal));
});

export default [
  ['a second start with the same folder is quick', async ({ dir, start }) => {
    const other = mkdtempSync(path.join(dir, 'life-'));
    let running = await start(other);
    let ended = exit(running.child);
    running.child.kill('SIGINT');
    assert.equal(await ended, 0);
    const began = Date.now();
    running = await start(other);
    const took = Date.now() - began;
    ended = exit(running.child);
    running.child.kill('SIGTERM');
    assert.equal(await ended, 0);
    assert.ok(took < 2000, `took ${took} ms`);
  }],
  ['it ends with its parent', async ({ dir, start }) => {
    const other = mkdtempSync(path.join(dir, 'life-'));
    const parent = spawn('sleep', ['60']);
    const { child } = await start(other, '--parent-pid', String(parent.pid));
    const ended = exit(child);
    parent.kill('SIGKILL');
    assert.equal(await ended, 0);
    assert.ok(!existsSync(path.join(other, 'idp.json')));
  }],
  ['--env prints lines for a shell', async ({ dir, start }) => {
    const other = mkdtempSync(path.join(dir, 'life-'));
    const { child, said, idp } = await start(other, '--env');
    const ended = exit(child);
    child.kill('SIGINT');
    await ended;
    assert.match(said, new RegExp(`^export SSL_CERT_FILE='${idp.ca}'$`, 'm'));
    assert.ok(said.split('\n').filter(Boolean).every((line) => /^(export |#)/.test(line)), said);
  }],
];
