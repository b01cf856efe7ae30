// The official TypeScript SDK 1.x, which speaks 2025-11-25 and earlier alone.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { pages, run } from './common.mjs';

await run('typescript-1', '@modelcontextprotocol/sdk', async ({ url, sse, headers }) => {
  const client = new Client({ name: 'testbed', version: '0.1.0' });
  const Transport = sse ? SSEClientTransport : StreamableHTTPClientTransport;
  const transport = new Transport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  const offers = client.getServerCapabilities() ?? {};
  return {
    // The SSE transport predates the header, so it does not remember the version.
    negotiated: transport.protocolVersion ?? null,
    tools: () => pages((params) => client.listTools(params), 'tools'),
    resources: () =>
      offers.resources ? pages((params) => client.listResources(params), 'resources') : [],
    prompts: () => (offers.prompts ? pages((params) => client.listPrompts(params), 'prompts') : []),
    call: (name, args) => client.callTool({ name, arguments: args }),
    close: () => client.close(),
  };
});
