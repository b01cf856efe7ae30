// A reference server of 2025-11-25 and earlier, on the official TypeScript SDK 1.x.
//
//   node legacy-fixture.mjs [--port PORT]         Streamable HTTP with sessions, at /mcp
//   node legacy-fixture.mjs --sse [--port PORT]   HTTP+SSE of 2024-11-05, at /sse
//   node legacy-fixture.mjs --stdio               one client over stdin and stdout
//
// It has every fixture that the official conformance suite wants of that revision, and what the
// Rust fixture cannot do: it resumes streams from an event store, and closes them in mid-call.

import { parseArgs } from 'node:util';

import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

import { listen } from './legacy/http.mjs';
import { createServer } from './legacy/server.mjs';
import { sse } from './legacy/sse.mjs';
import { streamable } from './legacy/streamable.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    sse: { type: 'boolean', default: false },
    stdio: { type: 'boolean', default: false },
  },
});

if (options.stdio) {
  await createServer().connect(new StdioServerTransport());
} else if (options.sse) {
  await listen(Number(options.port), '/sse', sse());
} else {
  await listen(Number(options.port), '/mcp', streamable());
}
