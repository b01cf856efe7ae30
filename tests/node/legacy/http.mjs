// What both HTTP transports share: a listener on loopback, and refusals as JSON-RPC errors.

import { createServer } from 'node:http';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Serves `handle(request, response, url)` on loopback and says where, on stderr. */
export function listen(port, path, handle) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    // A page that made its own name resolve to this machine must not talk to the server.
    if (!isLoopback(request.headers.host) || !isLoopbackOrigin(request.headers.origin)) {
      return refuse(response, 403, -32000, 'Forbidden: the host or origin is not this machine');
    }
    try {
      await handle(request, response, url);
    } catch (error) {
      if (!response.headersSent) refuse(response, 500, -32603, String(error));
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      console.error(`listening on http://127.0.0.1:${server.address().port}${path}`);
      resolve(server);
    });
  });
}

/** Answers with an HTTP status and a JSON-RPC error that belongs to no request. */
export function refuse(response, status, code, message) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
}

function isLoopback(host) {
  return host !== undefined && LOOPBACK.has(host.replace(/:\d+$/, ''));
}

function isLoopbackOrigin(origin) {
  return origin === undefined || (URL.canParse(origin) && LOOPBACK.has(new URL(origin).hostname));
}
