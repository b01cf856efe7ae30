// The official TypeScript client: connects to a URL and does what lines on its standard input ask.
//
//   node client.mjs URL      the first line says who it is; peer.py has what it and the others hold

import { createInterface } from 'node:readline';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';

import { pages } from '../clients/common.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { token, answers } = JSON.parse((await lines.next()).value);
const headers = token === null ? {} : { authorization: `Bearer ${token}` };
const capabilities = answers === null ? {} : { elicitation: {} };
const client = new Client({ name: 'examples', version: '0.1.0' }, { capabilities });
if (answers !== null)
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: answers }));
const url = new URL(process.argv[2]);
await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
for (let { value, done } = await lines.next(); !done; { value, done } = await lines.next())
  console.log(JSON.stringify(await answer(JSON.parse(value))));
await client.close();

async function answer(asked) {
  if (asked.list) return await everything();
  try {
    return { result: await outcome(asked) };
  } catch (error) {
    if (error instanceof McpError) return { error: error.message };
    throw error;
  }
}

function outcome({ call, read, prompt, with: args }) {
  if (read !== undefined) return client.readResource({ uri: read });
  if (prompt !== undefined) return client.getPrompt({ name: prompt, arguments: args });
  return client.callTool({ name: call, arguments: args });
}

async function everything() {
  const offers = client.getServerCapabilities() ?? {};
  const all = (offered, list, key) => (offered ? pages(list, key) : []);
  return {
    tools: await all(offers.tools, (page) => client.listTools(page), 'tools'),
    resources: await all(offers.resources, (page) => client.listResources(page), 'resources'),
    templates: await all(
      offers.resources,
      (page) => client.listResourceTemplates(page),
      'resourceTemplates',
    ),
    prompts: await all(offers.prompts, (page) => client.listPrompts(page), 'prompts'),
  };
}
