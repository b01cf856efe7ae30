// The client of the suite's client role: it uses everything that the server at URL offers.
//
//   node conformance.mjs URL
//
// What to call comes from the suite (MCP_CONFORMANCE_CONTEXT) or, where it says nothing, from the
// schemas of the tools. The suite judges by what its mock server saw, so a call that fails is told
// and passed over. Put a gateway between the two to see what the gateway's own client does.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const { MCP_CONFORMANCE_CONTEXT: context, MCP_CONFORMANCE_PROTOCOL_VERSION: version } = process.env;
const mode = version >= '2026-07-28' ? 'auto' : 'legacy';

const client = new Client(
  { name: 'testbed', version: '0.1.0' },
  {
    capabilities: { elicitation: { form: { applyDefaults: true } }, roots: {}, sampling: {} },
    versionNegotiation: { mode },
  },
);
client.setRequestHandler('elicitation/create', ({ params }) => ({
  action: 'accept',
  // Nothing for a field with a default: the client is to fill that in.
  content: example(params.requestedSchema, (schema) => schema.default === undefined),
}));
client.setRequestHandler('roots/list', () => ({
  roots: [{ uri: 'file:///example', name: 'example' }],
}));
client.setRequestHandler('sampling/createMessage', () => ({
  role: 'assistant',
  model: 'none',
  content: { type: 'text', text: 'Paris' },
}));

await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const offers = client.getServerCapabilities() ?? {};

const { tools } = await client.listTools();
for (const call of calls(tools)) await attempt(() => client.callTool(call));

if (offers.resources) {
  const { resources } = await client.listResources();
  for (const { uri } of resources) await attempt(() => client.readResource({ uri }));
}
if (offers.prompts) {
  const { prompts } = await client.listPrompts();
  for (const { name, arguments: wanted = [] } of prompts) {
    const given = Object.fromEntries(wanted.map((argument) => [argument.name, 'example']));
    await attempt(() => client.getPrompt({ name, arguments: given }));
  }
}
await client.close();

/** What to call, and with which arguments. */
function calls(tools) {
  const { toolCalls } = JSON.parse(context ?? '{}');
  if (toolCalls !== undefined) return toolCalls;
  const rich = tools.find(({ name }) => name === 'json_schema_2020_12_tool');
  return tools.map(({ name, inputSchema }) =>
    // This one wants to see the schema of its neighbour, as far as it came.
    name === 'json_schema_echo' && rich !== undefined
      ? { name, arguments: { schema: rich.inputSchema } }
      : { name, arguments: example(inputSchema) },
  );
}

/** A value for every property of `schema` that is `wanted`. */
function example(schema, wanted = () => true) {
  const values = {
    array: [],
    boolean: true,
    integer: 5,
    null: null,
    number: 5,
    object: {},
    string: 'example',
  };
  const properties = Object.entries(schema.properties ?? {}).filter(([, property]) =>
    wanted(property),
  );
  return Object.fromEntries(
    properties.map(([name, { type, enum: choices }]) => [name, choices?.[0] ?? values[type]]),
  );
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    console.error(error.message);
  }
}
