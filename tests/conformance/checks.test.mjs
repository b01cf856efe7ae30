import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compare } from './checks.mjs';

const outcomes = (...statuses) => statuses.map((status) => ({ status }));
const verdict = (before, after) => compare(outcomes(...before), outcomes(...after));

test('a run that does as well is the same, in whatever order', () => {
  assert.equal(verdict(['SUCCESS', 'WARNING'], ['WARNING', 'SUCCESS']), 'same');
});

test('every step down from success is worse, though the suite counts failures alone', () => {
  for (const status of ['INFO', 'SKIPPED', 'WARNING', 'FAILURE']) {
    assert.equal(verdict(['SUCCESS'], [status]), 'worse');
  }
});

test('a check that is gone is worse', () => {
  assert.equal(verdict(['SUCCESS'], []), 'worse');
  assert.equal(verdict(['FAILURE'], []), 'worse');
  assert.equal(verdict(['SUCCESS', 'SUCCESS'], ['SUCCESS']), 'worse');
});

test('a check that is new is better, unless it is trouble', () => {
  assert.equal(verdict([], ['SUCCESS']), 'better');
  assert.equal(verdict(['SUCCESS'], ['INFO', 'SUCCESS']), 'better');
  assert.equal(verdict([], ['WARNING']), 'worse');
  assert.equal(verdict(['SUCCESS'], ['SUCCESS', 'FAILURE']), 'worse');
});

test('a status that nobody knows is bad', () => {
  assert.equal(verdict(['FAILURE'], ['EXPLODED']), 'worse');
});
