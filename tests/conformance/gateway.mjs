// Judges the runs that `gateway` left in OUT: a table, what got worse without a reason in
// docs/conformance.md, and what is listed there in vain.
//
//   node gateway.mjs OUT
//
// Exit: 0 nothing to complain about; 1 something; 2 a run left no results.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { compare, isTrouble } from './checks.mjs';
import { complaints, known } from './known.mjs';
import { counts, load, outcomes, short } from './results.mjs';

const PAGE = new URL('../../docs/conformance.md', import.meta.url);
const RUNS = ['2025-11-25', '2026-07-28'].flatMap((set) =>
  ['legacy', 'modern'].map((era) => ({ set, era })),
);

function main(out) {
  const listed = known(readFileSync(PAGE, 'utf8'));
  const runs = RUNS.map((run) => judge(out, listed, run));
  table(runs);
  for (const run of runs) {
    for (const key of run.unlisted) console.log(`worse: ${name(run)}: ${key}: ${change(run, key)}`);
    for (const key of run.vain) console.log(`listed in vain: ${name(run)}: ${key}`);
  }
  if (runs.some(({ direct, through }) => direct.size === 0 || through.size === 0)) return 2;
  return runs.some(({ unlisted, vain }) => unlisted.length + vain.length > 0) ? 1 : 0;
}

function judge(out, listed, { set, era }) {
  const [direct, through] = [load(join(out, `${set}-direct`)), load(join(out, `${set}-${era}`))];
  const worse = [...new Set([...direct.keys(), ...through.keys()])].filter(
    (key) => compare(direct.get(key) ?? [], through.get(key) ?? []) === 'worse',
  );
  return { set, era, direct, through, worse, ...complaints(listed, set, era, worse) };
}

function table(runs) {
  const rows = runs.map(({ set, era, direct, through, worse, unlisted }) => {
    const [before, after] = [counts(direct), counts(through)];
    const known = worse.length - unlisted.length;
    return [
      set,
      era,
      `${before.scenarios} / ${after.scenarios}`,
      before.checks,
      after.checks,
      `${worse.length} (${known} known)`,
    ];
  });
  const heads = ['set', 'server', 'scenarios', 'checks, direct', 'checks, through', 'worse'];
  const widths = heads.map((head, at) => Math.max(...[heads, ...rows].map((row) => row[at].length)));
  for (const row of [heads, ...rows]) {
    console.log(row.map((cell, at) => cell.padEnd(widths[at])).join('  ').trimEnd());
  }
}

const name = ({ set, era }) => `${set} against ${era}`;

function change({ direct, through }, key) {
  const [before, after] = [direct.get(key) ?? [], through.get(key) ?? []];
  const why = short(after.find(isTrouble)?.errorMessage);
  return `${outcomes(before)} -> ${outcomes(after)} ${why}`.trimEnd();
}

process.exitCode = main(process.argv[2]);
