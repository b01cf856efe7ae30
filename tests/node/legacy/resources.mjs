// The resources that the conformance suite reads and watches.

import { McpError } from '@modelcontextprotocol/sdk/types.js';

/** The code of «resource not found» up to 2025-11-25. */
const RESOURCE_NOT_FOUND = -32002;

/** The smallest picture: one red pixel, as base64 of a PNG. */
export const RED_PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC';

export const resources = [
  ['static-text', 'A text that never changes', 'text/plain'],
  ['static-binary', 'A picture that never changes', 'image/png'],
  ['watched-resource', 'A text to subscribe to', 'text/plain'],
].map(([name, description, mimeType]) => ({ uri: `test://${name}`, name, description, mimeType }));

export const resourceTemplates = [
  {
    uriTemplate: 'test://template/{id}/data',
    name: 'template',
    description: 'A document for every id',
    mimeType: 'application/json',
  },
];

/** The content of the resource at `uri`. */
export function readResource(uri) {
  const text = (content) => ({ uri, mimeType: 'text/plain', text: content });
  switch (uri) {
    case 'test://static-text':
      return text('This is the content of the static text resource.');
    case 'test://static-binary':
      return { uri, mimeType: 'image/png', blob: RED_PIXEL };
    case 'test://watched-resource':
      return text('This resource is worth watching.');
  }
  const id = /^test:\/\/template\/(.+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new McpError(RESOURCE_NOT_FOUND, 'Resource not found', { uri });
  const document = { id, templateTest: true, data: `Data for ID: ${id}` };
  return { uri, mimeType: 'application/json', text: JSON.stringify(document) };
}
