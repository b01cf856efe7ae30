// An MCP server with the tools `read` and `write`, over stdio, in a dozen lines.

import { createInterface } from 'node:readline';

const tool = (name) => ({ name, description: `Says ${name}.`, inputSchema: { type: 'object' } });
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'two-tools', version: '1' },
  }),
  'tools/list': () => ({ tools: [tool('read'), tool('write')] }),
  'tools/call': ({ name }) => ({ content: [{ type: 'text', text: name }] }),
  ping: () => ({}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const answer = answers[method];
  const error = { code: -32601, message: 'no such method' };
  const outcome = answer ? { result: answer(params) } : { error };
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }));
}
