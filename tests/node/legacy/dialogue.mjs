// Tools that ask the client by a request of their own.

import { CreateMessageResultSchema, ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';

const options = ['option1', 'option2', 'option3'];
const titled = (noun) =>
  ['First', 'Second', 'Third'].map((ordinal, index) => ({
    const: `value${index + 1}`,
    title: `${ordinal} ${noun}`,
  }));

/** SEP-1034: a default for every primitive type. */
const DEFAULTS = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};

/** SEP-1330: the five ways to offer a choice. */
const CHOICES = {
  untitledSingle: { type: 'string', enum: options },
  titledSingle: { type: 'string', oneOf: titled('Option') },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
  titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
};

const IDENTITY = {
  username: { type: 'string', description: "User's response" },
  email: { type: 'string', description: "User's email address" },
};

export const dialogue = {
  test_sampling: {
    description: "Asks the client's model",
    inputSchema: {
      type: 'object',
      properties: { prompt: { type: 'string' } },
      required: ['prompt'],
    },
    call: async ({ prompt }, extra) => {
      const messages = [{ role: 'user', content: { type: 'text', text: prompt } }];
      const question = { method: 'sampling/createMessage', params: { messages, maxTokens: 100 } };
      const { content } = await extra.sendRequest(question, CreateMessageResultSchema);
      return text(`LLM response: ${content.text}`);
    },
  },
  test_elicitation: {
    description: "Asks the client's user",
    inputSchema: {
      type: 'object',
      properties: { message: { type: 'string' } },
      required: ['message'],
    },
    call: ({ message }, extra) =>
      ask(extra, message, IDENTITY, Object.keys(IDENTITY), 'User response'),
  },
  test_elicitation_sep1034_defaults: {
    description: 'Asks with a default for every kind of field',
    inputSchema: { type: 'object', properties: {} },
    call: (_, extra) => ask(extra, 'Review the defaults', DEFAULTS, [], 'Elicitation completed'),
  },
  test_elicitation_sep1330_enums: {
    description: 'Asks with every kind of choice',
    inputSchema: { type: 'object', properties: {} },
    call: (_, extra) => ask(extra, 'Choose', CHOICES, [], 'Elicitation completed'),
  },
};

async function ask(extra, message, properties, required, outcome) {
  const params = { message, requestedSchema: { type: 'object', properties, required } };
  const question = { method: 'elicitation/create', params };
  const { action, content } = await extra.sendRequest(question, ElicitResultSchema);
  return text(`${outcome}: action=${action}, content=${JSON.stringify(content ?? null)}`);
}

function text(content) {
  return { content: [{ type: 'text', text: content }] };
}
