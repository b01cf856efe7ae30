// One session's server: which capabilities it has, and who answers each method.

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

import { complete, prompts } from './prompts.mjs';
import { readResource, resources, resourceTemplates } from './resources.mjs';
import { tools } from './tools.mjs';

const CAPABILITIES = {
  completions: {},
  logging: {},
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  tools: { listChanged: true },
};

/** What every session of this process shares. */
const shared = { sessions: new Set(), calls: 0, cancelled: 0 };

/** A server that is not yet connected. */
export function createServer() {
  const server = new Server(
    { name: 'toolgate-legacy-fixture', version: '0.1.0' },
    { capabilities: CAPABILITIES, instructions: 'Fixtures for conformance checks.' },
  );
  const session = { server, shared, calls: 0, watched: new Set() };
  shared.sessions.add(session);
  server.onclose = () => shared.sessions.delete(session);
  answer(session);
  return server;
}

function answer(session) {
  const on = (schema, handler) => session.server.setRequestHandler(schema, handler);

  on(ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, { call, ...tool }]) => ({ name, ...tool })),
  }));
  on(CallToolRequestSchema, ({ params }, extra) =>
    find(tools, params.name, 'tool').call(params.arguments ?? {}, extra, session),
  );

  on(ListResourcesRequestSchema, () => ({ resources }));
  on(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates }));
  on(ReadResourceRequestSchema, ({ params }) => ({ contents: [readResource(params.uri)] }));
  on(SubscribeRequestSchema, ({ params }) => {
    session.watched.add(params.uri);
    return {};
  });
  on(UnsubscribeRequestSchema, ({ params }) => {
    session.watched.delete(params.uri);
    return {};
  });

  on(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(prompts).map(([name, { get, ...prompt }]) => ({ name, ...prompt })),
  }));
  on(GetPromptRequestSchema, ({ params }) => ({
    messages: find(prompts, params.name, 'prompt').get(params.arguments ?? {}),
  }));
  on(CompleteRequestSchema, ({ params }) => ({ completion: complete(params.argument.value) }));
}

function find(table, name, kind) {
  if (!Object.hasOwn(table, name)) {
    throw new McpError(ErrorCode.InvalidParams, `no such ${kind}: ${name}`);
  }
  return table[name];
}
