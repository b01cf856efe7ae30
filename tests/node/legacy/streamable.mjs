// Streamable HTTP with sessions, event ids, priming events and resumption.

import { randomUUID } from 'node:crypto';
import { json } from 'node:stream/consumers';

import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';

import { EventStore } from './events.mjs';
import { refuse } from './http.mjs';
import { createServer } from './server.mjs';

/** How long a client waits before it resumes a stream, in milliseconds. */
const RETRY_MS = 500;

/** Enough for the tests of large bodies. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Handles requests to /mcp. */
export function streamable() {
  const sessions = new Map();

  async function open() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new EventStore(),
      retryInterval: RETRY_MS,
      maxRequestBodySize: MAX_BODY_BYTES,
      onsessioninitialized: (id) => sessions.set(id, transport),
      onsessionclosed: (id) => sessions.delete(id),
    });
    await createServer().connect(transport);
    return transport;
  }

  return async (request, response, url) => {
    if (url.pathname !== '/mcp') return refuse(response, 404, -32000, 'Not Found');
    const id = request.headers['mcp-session-id'];
    if (id !== undefined) {
      const transport = sessions.get(id);
      if (transport === undefined) return refuse(response, 404, -32001, 'Session not found');
      return transport.handleRequest(request, response);
    }
    const body = request.method === 'POST' ? await json(request).catch(() => null) : null;
    if (![body].flat().some(isInitializeRequest)) {
      return refuse(response, 400, -32000, 'Bad Request: No valid session ID provided');
    }
    const transport = await open();
    return transport.handleRequest(request, response, body);
  };
}
