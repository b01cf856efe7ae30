// What the official suite does not see: deliveries, cancellations, sessions, pages, large bodies.
//
//   node beyond.mjs URL [--legacy]
//
// URL is a reference server, or a gateway in front of one with unprefixed names, a session of the
// server for each of a client, and no authentication. --legacy leaves out the modern revision and
// the fixtures that came with it, for a server that has neither.
// The clients are the official TypeScript ones: 1.x for sessions, 2.x for 2026-07-28.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

import { pages } from './clients/common.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { legacy: { type: 'boolean', default: false } },
});
const url = new URL(positionals[0]);

const WATCHED = 'test://watched-resource';
const UNWATCHED = 'test://static-text';

/** How long what happened may take to be told. */
const PATIENCE_MS = 2_000;

/** Below every limit on messages that the protocol's SDKs set. */
const LARGE = 3_000_000;

const open = [];
after(() => Promise.allSettled(open.map((client) => client.close())));

/** What a client can answer, and the schema of each question in the terms of the old client. */
const ABLE = { elicitation: { form: {} }, sampling: {}, roots: {} };
const QUESTIONS = {
  'elicitation/create': ElicitRequestSchema,
  'sampling/createMessage': CreateMessageRequestSchema,
  'roots/list': ListRootsRequestSchema,
};

async function legacy(capabilities = {}, answer = undefined) {
  const client = new LegacyClient({ name: 'beyond', version: '1' }, { capabilities });
  const heard = [];
  for (const schema of [ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema]) {
    client.setNotificationHandler(schema, (notification) => void heard.push(notification));
  }
  for (const [method, schema] of answer ? Object.entries(QUESTIONS) : []) {
    client.setRequestHandler(schema, ({ params }) => answer(method, params));
  }
  await client.connect(new LegacyTransport(url));
  open.push(client);
  return {
    heard,
    watch: (uri) => client.subscribeResource({ uri }),
    unwatch: (uri) => client.unsubscribeResource({ uri }),
    call: (name, args = {}, request = {}) =>
      client.callTool({ name, arguments: args }, undefined, request),
    prompt: (name) => client.getPrompt({ name }),
    tools: () => pages((params) => client.listTools(params), 'tools'),
  };
}

async function modern(capabilities = {}, answer = undefined) {
  const client = new ModernClient(
    { name: 'beyond', version: '1' },
    { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  const heard = [];
  for (const event of ['resources/updated', 'tools/list_changed']) {
    client.setNotificationHandler(`notifications/${event}`, (told) => void heard.push(told));
  }
  for (const method of answer ? Object.keys(QUESTIONS) : []) {
    client.setRequestHandler(method, ({ params }) => answer(method, params));
  }
  await client.connect(new ModernTransport(url));
  open.push(client);
  return {
    heard,
    listen: (filter) => client.listen(filter),
    call: (name, args = {}, request = {}) => client.callTool({ name, arguments: args }, request),
    prompt: (name) => client.getPrompt({ name }),
    tools: () => pages((params) => client.listTools(params), 'tools'),
  };
}

const eras = options.legacy ? { legacy } : { legacy, modern };
/** Of a test that calls what the suite of 2026-07-28 has added. */
const newer = { skip: options.legacy };

/** Waits until `condition` holds, and fails after PATIENCE_MS. */
async function until(condition, message) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(20)) {
    if (await condition()) return;
  }
  assert.fail(message);
}

/** The answer to a question of the fixtures. */
function answerTo(method, { requestedSchema } = {}) {
  if (method === 'roots/list') return { roots: [{ uri: 'file:///srv' }] };
  if (method === 'sampling/createMessage') {
    return { role: 'assistant', content: { type: 'text', text: 'hello' }, model: 'none' };
  }
  const fields = Object.keys(requestedSchema.properties);
  const content = Object.fromEntries(fields.map((field) => [field, `a ${field}`]));
  return { action: 'accept', content };
}

const count = async (client) => (await client.call('counter')).structuredContent;

test('legacy: a client hears of the resource that it watches, and of no other', async () => {
  const [watcher, other] = [await legacy(), await legacy()];
  await watcher.watch(WATCHED);

  // The stream that carries it opens beside the first requests, so one update may come too early.
  await until(async () => {
    await other.call('touch', { uri: WATCHED });
    await other.call('touch', { uri: UNWATCHED });
    return watcher.heard.length > 0;
  }, 'no update arrived');

  const told = watcher.heard.map(({ method, params }) => [method, params.uri]);
  assert.deepEqual(told[0], ['notifications/resources/updated', WATCHED]);
  assert.ok(told.every(([, uri]) => uri === WATCHED));
  assert.deepEqual(other.heard, []);
});

test('legacy: a client that watches no longer hears nothing more', async () => {
  const [watcher, other] = [await legacy(), await legacy()];
  await watcher.watch(WATCHED);
  await watcher.unwatch(WATCHED);

  await other.call('touch', { uri: WATCHED });
  await sleep(300);

  assert.deepEqual(watcher.heard, []);
});

test('legacy: every client hears that the tools changed', async () => {
  const [one, other] = [await legacy(), await legacy()];

  await until(async () => {
    await other.call('test_trigger_tool_change');
    return one.heard.length > 0 && other.heard.length > 0;
  }, 'not both clients heard of it');

  assert.equal(one.heard[0].method, 'notifications/tools/list_changed');
});

test('legacy: two sessions stay two sessions', async () => {
  const [one, other] = [await legacy(), await legacy()];

  await count(one);
  const [second, first] = [await count(one), await count(other)];

  assert.deepEqual([second.session, first.session], [2, 1]);
});

test('legacy: what the client can do reaches the server', async () => {
  const client = await legacy({ elicitation: { form: {} }, sampling: {} });

  const { structuredContent: seen } = await client.call('whoami_meta');

  assert.ok(seen.clientCapabilities.elicitation, 'elicitation is gone');
  assert.ok(seen.clientCapabilities.sampling, 'sampling is gone');
});

test(
  'modern: a client hears what it listens to, and nothing else',
  newer,
  async () => {
    const [listener, other] = [await modern(), await modern()];
    await listener.listen({ resourceSubscriptions: [WATCHED] });

    await other.call('test_trigger_tool_change');
    await other.call('touch', { uri: UNWATCHED });
    await other.call('touch', { uri: WATCHED });
    await until(() => listener.heard.length > 0, 'no update arrived');

    const told = listener.heard.map(({ method, params }) => [method, params.uri]);
    assert.deepEqual(told, [['notifications/resources/updated', WATCHED]]);
    assert.deepEqual(other.heard, []);
  },
);

test('modern: what the client can do reaches the server', newer, async () => {
  const client = await modern({ elicitation: { form: {} }, sampling: {} });

  const { structuredContent: seen } = await client.call('whoami_meta');

  assert.ok(seen.clientCapabilities.elicitation, 'elicitation is gone');
  assert.ok(seen.clientCapabilities.sampling, 'sampling is gone');
});

for (const [era, connect] of Object.entries(eras)) {
  test(`${era}: a call that its client cancels ends at the server`, async () => {
    const client = await connect();
    const { cancelled: before } = await count(client);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);

    const call = client.call('sleep', { ms: 20_000 }, { signal: controller.signal });

    await assert.rejects(call);
    const ended = async () => (await count(client)).cancelled === before + 1;
    await until(ended, 'the server still works on it');
  });

  test(`${era}: a tool asks its client three things at once`, newer, async () => {
    const asked = [];
    const client = await connect(ABLE, async (method, params) => {
      asked.push(method);
      await until(() => asked.length === 3, 'the questions came one after the other');
      return answerTo(method, params);
    });

    const result = await client.call('test_input_required_result_multiple_inputs');

    assert.deepEqual(asked.toSorted(), Object.keys(QUESTIONS).toSorted());
    assert.equal(result.content[0].text, 'Three answers arrived.');
  });

  test(`${era}: a tool asks again after the first answer`, newer, async () => {
    const asked = [];
    const client = await connect(ABLE, (method, params) => {
      asked.push(params.message);
      return answerTo(method, params);
    });

    const result = await client.call('test_input_required_result_multi_round');

    assert.deepEqual(asked, ['Step 1: What is your name?', 'Step 2: What is your favorite color?']);
    assert.equal(result.content[0].text, 'The color is a color.');
  });

  test(`${era}: a prompt asks its client`, newer, async () => {
    const client = await connect(ABLE, answerTo);

    const { messages } = await client.prompt('test_input_required_result_prompt');

    assert.equal(messages[0].content.text, 'The context is: a context');
  });

  test(`${era}: a tool is told that the user declined`, async () => {
    const client = await connect(ABLE, () => ({ action: 'decline' }));

    const result = await client.call('test_elicitation', { message: 'Who are you?' });

    assert.match(result.content[0].text, /action=decline/);
  });

  test(`${era}: a hundred calls at once each get their own answer`, async () => {
    const client = await connect();
    const numbers = Array.from({ length: 100 }, (_, number) => ({ number }));

    const answers = await Promise.all(numbers.map((args) => client.call('echo', args)));

    assert.deepEqual(
      answers.map((answer) => answer.structuredContent),
      numbers,
    );
  });

  test(`${era}: a slow call does not hold up a quick one`, async () => {
    const client = await connect();
    const slow = client.call('sleep', { ms: 1_000 }).then(() => 'slow');

    const first = await Promise.race([slow, client.call('echo').then(() => 'quick')]);

    assert.equal(first, 'quick');
    await slow;
  });

  test(`${era}: large arguments and large results arrive whole`, async () => {
    const client = await connect();
    const text = 'ü'.repeat(LARGE / 2);

    const [sent, received] = [
      await client.call('echo', { text }),
      await client.call('big', { bytes: LARGE }),
    ];

    assert.equal(sent.structuredContent.text, text);
    assert.equal(received.content[0].text.length, LARGE);
  });

  test(`${era}: every tool is listed once, on whatever page`, async () => {
    const client = await connect();

    const names = (await client.tools()).map(({ name }) => name);

    assert.equal(new Set(names).size, names.length);
    assert.ok(names.includes('test_simple_text') && names.includes('echo'), names.join());
  });

  test(`${era}: a tool arrives with everything that the server says of it`, async () => {
    const client = await connect();

    const echo = (await client.tools()).find(({ name }) => name === 'echo');

    assert.equal(echo.title, 'Echo');
    assert.deepEqual(echo.outputSchema, { type: 'object' });
    assert.deepEqual(echo.annotations, {
      title: 'Echo',
      readOnlyHint: true,
      idempotentHint: true,
      openWorldHint: false,
    });
    assert.deepEqual(echo.icons, [
      { src: 'data:image/svg+xml;base64,PHN2Zy8+', mimeType: 'image/svg+xml' },
    ]);
    assert.deepEqual(echo._meta['example.com/kept'], { as: ['it', 'is', 1] });
  });

  test(`${era}: values arrive as they were sent`, async () => {
    const client = await connect();
    const values = {
      empty: {},
      escapes: '\u0000 \u2028 " \\ / \ud83d\ude00',
      large: Number.MAX_SAFE_INTEGER,
      nothing: null,
      order: { z: 1, a: 2 },
    };

    const { structuredContent } = await client.call('echo', values);

    assert.equal(JSON.stringify(structuredContent), JSON.stringify(values));
  });
}
