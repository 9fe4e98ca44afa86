// Every kind of nonsense, many times over: node junk.js PORT PATH STATE COUNT
//
// Eight clients at a time, each waiting for its answer. Says how many got the one they should have, and
// what the first others got; then comes the one request that is in order.
"use strict";
const net = require("node:net");
const [port, path, state, count] = process.argv.slice(2);
const host = `Host: localhost:${port}\r\n\r\n`;
const get = (target) => `GET ${target} HTTP/1.1\r\n${host}`;
const forged = state.slice(0, -1) + (state.endsWith("x") ? "y" : "x");

// What is sent, and the status that must come back; null: the client leaves in the middle.
const KINDS = [
  [get(`${path}?code=c&state=${forged}`), 400],
  [get(`${path}?code=c`), 400],
  [get("/favicon.ico"), 404],
  [get(`${path}x?code=c&state=${state}`), 404],
  [`POST ${path}?code=c&state=${state} HTTP/1.1\r\nContent-Length: 3\r\n${host}abc`, 405],
  [`GET ${path}?code=c&state=${state} HTTP/1.1\r\nHost: rebound.example:${port}\r\n\r\n`, 400],
  ["\x16\x03\x01\x02\x00\x01", 400],
  ["SSH-2.0-x\r\n\r\n", 400],
  [`GET ${path} HTTP/1.1\r\nCookie: ${"c".repeat(40000)}`, 431],
  [`GET ${path}?code=c&sta`, null],
  ["", null],
];

let started = 0, good = 0;
const odd = [];

function one(done) {
  const [bytes, expected] = KINDS[started++ % KINDS.length];
  const socket = net.connect(Number(port), started % 2 ? "127.0.0.1" : "localhost");
  let got = "";
  const end = () => {
    const status = got ? Number(got.split(" ")[1]) : null;
    const whole = !got || got.endsWith(">\n"); // a page to its last byte
    if (status === expected && whole) good++;
    else odd.push(`${JSON.stringify(bytes.slice(0, 40))}: ${status}`);
    done();
  };
  socket.on("connect", () => expected === null ? socket.write(bytes, () => socket.resetAndDestroy()) : socket.write(bytes));
  socket.on("data", (chunk) => { got += chunk.toString("latin1"); });
  socket.on("error", () => {});
  socket.on("close", end);
}

function client(finished) {
  if (started < count) one(() => client(finished));
  else finished();
}

let left = 8;
for (let i = 0; i < 8; i++) {
  client(() => {
    if (--left > 0) return;
    console.log(`${good} of ${started}`, odd.slice(0, 5).join("; "));
    net.connect(Number(port), "127.0.0.1").end(get(`${path}?code=real&state=${state}`)).resume();
  });
}
