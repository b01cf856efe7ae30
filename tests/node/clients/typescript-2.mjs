// The official TypeScript client 2.x. By default it begins with 2025-11-25.

import {
  Client,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';

import { pages, run } from './common.mjs';

const MODES = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };

await run('typescript-2', '@modelcontextprotocol/client', async ({ url, era, sse, headers }) => {
  const versionNegotiation = era === undefined ? undefined : { mode: MODES[era] };
  const client = new Client({ name: 'testbed', version: '0.1.0' }, { versionNegotiation });
  const Transport = sse ? SSEClientTransport : StreamableHTTPClientTransport;
  await client.connect(new Transport(new URL(url), { requestInit: { headers } }));
  const offers = client.getServerCapabilities() ?? {};
  return {
    negotiated: client.getNegotiatedProtocolVersion(),
    tools: () => pages((params) => client.listTools(params), 'tools'),
    resources: () =>
      offers.resources ? pages((params) => client.listResources(params), 'resources') : [],
    prompts: () => (offers.prompts ? pages((params) => client.listPrompts(params), 'prompts') : []),
    call: (name, args) => client.callTool({ name, arguments: args }),
    close: () => client.close(),
  };
});
