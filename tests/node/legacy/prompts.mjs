// The prompts that the conformance suite gets, and the completions of their arguments.

import { RED_PIXEL } from './resources.mjs';

const message = (content) => ({ role: 'user', content });
const text = (content) => message({ type: 'text', text: content });
const required = (name) => ({ name, required: true });

export const prompts = {
  test_simple_prompt: {
    description: 'A prompt without arguments',
    get: () => [text('This is a simple prompt for testing.')],
  },
  test_prompt_with_arguments: {
    description: 'A prompt that quotes its arguments',
    arguments: [required('arg1'), required('arg2')],
    get: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  test_prompt_with_embedded_resource: {
    description: 'A prompt that embeds a resource',
    arguments: [required('resourceUri')],
    get: ({ resourceUri: uri }) => [
      message({
        type: 'resource',
        resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
      }),
      text('Please process the embedded resource above.'),
    ],
  },
  test_prompt_with_image: {
    description: 'A prompt that embeds a picture',
    get: () => [
      message({ type: 'image', data: RED_PIXEL, mimeType: 'image/png' }),
      text('Please analyze the image above.'),
    ],
  },
};

/** Values that begin with what was typed. */
export function complete(typed) {
  const values = ['alpha', 'beta', 'gamma', 'test', 'testing'];
  return { values: values.filter((value) => value.startsWith(typed)) };
}
