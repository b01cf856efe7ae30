// The tools. Each is called with its arguments, the SDK's context of the request, and the session.

import { setTimeout as sleep } from 'node:timers/promises';

import { dialogue } from './dialogue.mjs';
import { RED_PIXEL } from './resources.mjs';

/** The smallest sound: two silent samples, as base64 of a WAV. */
const SILENCE = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQIAAACAgA==';

/** Between two notifications, so that a client can tell them apart from a burst at the end. */
const PAUSE_MS = 50;

const textBlock = (text) => ({ type: 'text', text });
const imageBlock = { type: 'image', data: RED_PIXEL, mimeType: 'image/png' };
const resourceBlock = (uri, mimeType, text) => ({
  type: 'resource',
  resource: { uri, mimeType, text },
});

/** A successful result of one text. */
const text = (content) => ({ content: [textBlock(content)] });

/** A result that is a value, and the same as text. */
const structured = (value) => ({ ...text(JSON.stringify(value)), structuredContent: value });

const plain = (description, call) => ({
  description,
  inputSchema: { type: 'object', properties: {} },
  call,
});
const taking = (name, type, description, call) => ({
  description,
  inputSchema: { type: 'object', properties: { [name]: { type } }, required: [name] },
  call,
});

const content = {
  test_simple_text: plain('Returns a text', () =>
    text('This is a simple text response for testing.'),
  ),
  test_image_content: plain('Returns a picture', () => ({ content: [imageBlock] })),
  test_audio_content: plain('Returns a sound', () => ({
    content: [{ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }],
  })),
  test_embedded_resource: plain('Returns a resource', () => ({
    content: [
      resourceBlock(
        'test://embedded-resource',
        'text/plain',
        'This is an embedded resource content.',
      ),
    ],
  })),
  test_multiple_content_types: plain('Returns a text, a picture and a resource', () => ({
    content: [
      textBlock('Multiple content types test:'),
      imageBlock,
      resourceBlock(
        'test://mixed-content-resource',
        'application/json',
        '{"test":"data","value":123}',
      ),
    ],
  })),
  test_error_handling: plain('Fails', () => ({
    ...text('This tool intentionally returns an error for testing'),
    isError: true,
  })),
  json_schema_2020_12_tool: {
    description: 'Has keywords that few schemas use',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    call: ({ name }) => text(`name is ${name ?? '(none)'}`),
  },
};

const signals = {
  test_tool_with_logging: plain('Logs while it runs', async (_, extra) => {
    for (const data of [
      'Tool execution started',
      'Tool processing data',
      'Tool execution completed',
    ]) {
      await extra.sendNotification({
        method: 'notifications/message',
        params: { level: 'info', data },
      });
      await sleep(PAUSE_MS);
    }
    return text('Logged three messages.');
  }),
  test_tool_with_progress: plain('Reports progress while it runs', async (_, extra) => {
    const progressToken = extra._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress, total: 100 },
        });
      }
      await sleep(PAUSE_MS);
    }
    return text('Reported progress three times.');
  }),
  test_reconnection: plain('Closes the stream of its call before it answers', async (_, extra) => {
    await sleep(PAUSE_MS);
    extra.closeSSEStream?.();
    await sleep(2 * PAUSE_MS);
    return text('Answered on the resumed stream.');
  }),
  test_trigger_tool_change: plain('Tells everyone that the tools changed', (_, __, { shared }) =>
    tell(shared.sessions, ({ server }) => server.sendToolListChanged()),
  ),
  test_trigger_prompt_change: plain(
    'Tells everyone that the prompts changed',
    (_, __, { shared }) => tell(shared.sessions, ({ server }) => server.sendPromptListChanged()),
  ),
  test_trigger_resource_change: plain(
    'Tells everyone that the resources changed',
    (_, __, { shared }) => tell(shared.sessions, ({ server }) => server.sendResourceListChanged()),
  ),
  touch: taking(
    'uri',
    'string',
    'Tells who watches the resource that it changed',
    ({ uri }, _, { shared }) => {
      const watching = [...shared.sessions].filter(({ watched }) => watched.has(uri));
      return tell(watching, ({ server }) => server.sendResourceUpdated({ uri }));
    },
  ),
};

/** Tools that the suite does not know, for Toolgate's own tests. */
const own = {
  /** Has every member that a tool can have, to see which of them arrive. */
  echo: {
    title: 'Echo',
    description: 'Returns its arguments',
    inputSchema: { type: 'object' },
    outputSchema: { type: 'object' },
    annotations: { title: 'Echo', readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    execution: { taskSupport: 'forbidden' },
    icons: [{ src: 'data:image/svg+xml;base64,PHN2Zy8+', mimeType: 'image/svg+xml' }],
    _meta: { 'example.com/kept': { as: ['it', 'is', 1] } },
    call: structured,
  },
  sleep: taking(
    'ms',
    'integer',
    'Answers after so many milliseconds',
    async ({ ms }, { signal }, { shared }) => {
      await sleep(ms, undefined, { signal }).catch(() => (shared.cancelled += 1));
      return text(`slept ${ms} ms`);
    },
  ),
  big: taking('bytes', 'integer', 'Returns a text of so many bytes', ({ bytes }) =>
    text('x'.repeat(bytes)),
  ),
  counter: plain('Counts its calls, in the session and in the process', (_, __, session) =>
    structured({
      session: (session.calls += 1),
      process: (session.shared.calls += 1),
      cancelled: session.shared.cancelled,
    }),
  ),
  whoami_meta: plain(
    'Returns what the server received beside the arguments',
    (_, extra, { server }) =>
      structured({
        meta: extra._meta ?? {},
        clientInfo: server.getClientVersion(),
        clientCapabilities: server.getClientCapabilities(),
        process: process.pid,
        headers: extra.requestInfo?.headers ?? null,
      }),
  ),
};

export const tools = { ...content, ...signals, ...dialogue, ...own };

async function tell(sessions, notify) {
  const told = await Promise.allSettled([...sessions].map(notify));
  return text(`told ${told.filter(({ status }) => status === 'fulfilled').length}`);
}
