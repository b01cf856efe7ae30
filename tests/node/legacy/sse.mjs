// HTTP+SSE of 2024-11-05: a stream by GET, and messages by POST to the address that it names.

import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';

import { refuse } from './http.mjs';
import { createServer } from './server.mjs';

/** Handles GET /sse and POST /messages. */
export function sse() {
  const sessions = new Map();

  return async (request, response, url) => {
    if (request.method === 'GET' && url.pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', response);
      sessions.set(transport.sessionId, transport);
      response.on('close', () => sessions.delete(transport.sessionId));
      return createServer().connect(transport);
    }
    if (request.method === 'POST' && url.pathname === '/messages') {
      const transport = sessions.get(url.searchParams.get('sessionId'));
      if (transport === undefined) return refuse(response, 404, -32001, 'Session not found');
      return transport.handlePostMessage(request, response);
    }
    return refuse(response, 405, -32000, 'Method Not Allowed');
  };
}
