// Listening on both loopback addresses under one port, since `localhost` may mean either.
const ADDRESSES = ['127.0.0.1', '::1'];

function listen(server, host, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve(server.address().port);
    });
  });
}

function stop(server) {
  server.close();
  server.closeAllConnections?.();
}

// makeServer is called once for each address. Returns { port, close }.
export async function listenBoth(makeServer, wantedPort) {
  for (let attempt = 1; ; attempt += 1) {
    const servers = ADDRESSES.map(() => makeServer());
    try {
      const port = await listen(servers[0], ADDRESSES[0], wantedPort);
      await listen(servers[1], ADDRESSES[1], port).catch((err) => {
        if (!['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(err.code)) throw err; // a machine without IPv6
      });
      return { port, close: () => servers.forEach(stop) };
    } catch (err) {
      servers.forEach(stop);
      if (err.code !== 'EADDRINUSE' || wantedPort !== 0 || attempt === 10) throw err; // the other address's port was taken
    }
  }
}

export async function listenOne(server, port) {
  return { port: await listen(server, ADDRESSES[0], port), close: () => stop(server) };
}
