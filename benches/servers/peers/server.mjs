// The tools on the official TypeScript SDK: node server.mjs PORT STUB_PORT

import { randomUUID } from 'node:crypto';
import { createServer, get, Agent } from 'node:http';
import { text } from 'node:stream/consumers';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';

const [port, stub] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true });
const sessions = new Map();

function answer(result) {
  const structuredContent = { result };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
}

function fibonacci(n) {
  let [a, b] = [0, 1];
  for (let i = 0; i < n; i += 1) [a, b] = [b, a + b];
  return a;
}

function fetched(endpoint) {
  return new Promise((resolve, reject) => {
    get({ agent, host: '127.0.0.1', port: stub, path: `/${endpoint}` }, (response) => {
      text(response).then(resolve, reject);
    }).on('error', reject);
  });
}

function bench() {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  const tool = (name, description, inputSchema, result, run) =>
    server.registerTool(name, { description, inputSchema, outputSchema: { result } }, async (it) => answer(await run(it)));
  tool('calculate_fibonacci', 'Calculates a Fibonacci number.',
    { n: z.number().int().min(0).max(90) }, z.number(), ({ n }) => fibonacci(n));
  tool('fetch_external_data', 'Fetches data of an API.',
    { endpoint: z.string().min(1).max(100).regex(/^[A-Za-z0-9/]+$/) }, z.string(), ({ endpoint }) => fetched(endpoint));
  tool('process_json_data', 'Turns the texts of an object into upper case.',
    { data: z.record(z.string(), z.any()) }, z.record(z.string(), z.any()),
    ({ data }) => Object.fromEntries(Object.entries(data).map(([key, value]) =>
      [key, typeof value === 'string' ? value.toUpperCase() : value])));
  tool('simulate_database_query', 'Takes as long as a query would.',
    { query: z.string().min(1).max(1000), delay_ms: z.number().int().min(0).max(1000) }, z.string(),
    async ({ query, delay_ms: delay }) => {
      await new Promise((resolve) => { setTimeout(resolve, delay); });
      return `ran ${query} in ${delay} ms`;
    });
  return server;
}

async function opened() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await bench().connect(transport);
  return transport;
}

createServer(async (request, response) => {
  const known = sessions.get(request.headers['mcp-session-id']);
  await (known ?? await opened()).handleRequest(request, response);
}).listen(port, '127.0.0.1');
