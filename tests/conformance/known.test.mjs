import assert from 'node:assert/strict';
import { test } from 'node:test';

import { complaints, known } from './known.mjs';

const PAGE = `
| Set | Server | Check | Why |
|---|---|---|---|
| 2026-07-28 | legacy | \`tasks-lifecycle created\` | there are no tasks |
| 2026-07-28 | legacy | \`no reason\` |  |
| 2025-11-25 | a word | \`ping ping\` | no such server |
`;
const listed = known(PAGE);

test('a row with a reason is listed, and nothing else', () => {
  assert.deepEqual([...listed], [['2026-07-28 legacy tasks-lifecycle created', 'there are no tasks']]);
});

test('a listed check may get worse, in its own set and era', () => {
  const worse = ['tasks-lifecycle created'];

  assert.deepEqual(complaints(listed, '2026-07-28', 'legacy', worse), { unlisted: [], vain: [] });
  assert.deepEqual(complaints(listed, '2026-07-28', 'modern', worse).unlisted, worse);
});

test('a check that is not listed may not get worse', () => {
  const { unlisted } = complaints(listed, '2026-07-28', 'legacy', ['ping ping']);

  assert.deepEqual(unlisted, ['ping ping']);
});

test('a check that is listed in vain is told', () => {
  const { vain } = complaints(listed, '2026-07-28', 'legacy', []);

  assert.deepEqual(vain, ['tasks-lifecycle created']);
});
