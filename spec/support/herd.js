// Many requests to a unix socket: `requests` of them with `at_once` in the air, or one `every` ms for `seconds`.
// Prints {statuses, bodies, workers, errors, slowest}; bodies are counted by their text, workers by X-Worker.
const http = require('node:http');

const options = { requests: 1, at_once: 1, headers: {}, ...JSON.parse(process.argv[2]) };
const agent = new http.Agent({ keepAlive: true, maxSockets: options.every ? Infinity : options.at_once });
const seen = { statuses: {}, bodies: {}, workers: {}, errors: 0, slowest: 0 };
const count = (table, key) => { table[key] = (table[key] ?? 0) + 1; };

function ask() {
  const started = performance.now();
  return new Promise((resolve) => {
    const failed = (err) => { seen.errors += 1; seen.trouble = err.code ?? err.message; resolve(); };
    const request = http.get({ socketPath: options.socket, path: options.path, headers: options.headers, agent }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk) => { text += chunk; });
      res.on('error', failed);
      res.on('end', () => {
        count(seen.statuses, res.statusCode);
        count(seen.bodies, text);
        if (res.headers['x-worker']) count(seen.workers, res.headers['x-worker']);
        seen.slowest = Math.max(seen.slowest, performance.now() - started);
        resolve();
      });
    });
    request.on('error', failed);
  });
}

async function main() {
  const all = [];
  if (options.every) {
    const end = performance.now() + options.seconds * 1000;
    while (performance.now() < end) {
      all.push(ask());
      await new Promise((resolve) => { setTimeout(resolve, options.every); });
    }
  } else {
    for (let i = 0; i < options.requests; i += 1) all.push(ask());
  }
  await Promise.all(all);
  agent.destroy();
  process.stdout.write(JSON.stringify(seen));
}
main();
