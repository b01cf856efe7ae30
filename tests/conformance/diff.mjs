// Did any conformance check get worse between two runs of the suite?
//
//   diff DIRECT THROUGH          list every check that differs; exit 1 if one got worse
//   diff --summary NAME RESULTS  one line of counts; exit 1 if there are no results
//   diff --failures RESULTS      list the checks that failed or warned; exit 1 if one failed
//
// The suite's exit code counts failures alone. A gateway that loses a stream, its resumption or a
// priming event turns successes into warnings, notes, skipped checks, or into nothing at all.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { compare, isFailure, isTrouble } from './checks.mjs';

function main(args) {
  if (args[0] === '--summary' && args.length === 3) return summary(args[1], load(args[2]));
  if (args[0] === '--failures' && args.length === 2) return failures(load(args[1]));
  if (args.length === 2) return difference(load(args[0]), load(args[1]));
  console.error('usage: diff DIRECT THROUGH | --summary NAME RESULTS | --failures RESULTS');
  return 2;
}

function summary(name, run) {
  const statuses = [...run.values()].flatMap((checks) => checks.map(({ status }) => status));
  const counts = Map.groupBy(statuses, (status) => status);
  const told = [...counts].map(([status, all]) => `${all.length} ${status.toLowerCase()}`).sort();
  const scenarios = new Set([...run.keys()].map((key) => key.split(' ')[0])).size;
  console.log(`${name}: ${scenarios} scenarios: ${told.join(', ') || 'no checks'}`);
  return statuses.length > 0 ? 0 : 1;
}

function failures(run) {
  const checks = [...run].flatMap(([key, all]) => all.map((check) => ({ key, ...check })));
  for (const { key, status, errorMessage } of checks.filter(isTrouble)) {
    console.log(`${status} ${key} ${short(errorMessage)}`);
  }
  return checks.some(isFailure) ? 1 : 0;
}

function difference(direct, through) {
  const counts = { same: 0, better: 0, worse: 0 };
  for (const key of new Set([...direct.keys(), ...through.keys()])) {
    const [before, after] = [direct.get(key) ?? [], through.get(key) ?? []];
    const verdict = compare(before, after);
    counts[verdict] += 1;
    if (verdict === 'same') continue;
    const told = [before, after].map(
      (all) => all.map(({ status }) => status).join(',') || 'ABSENT',
    );
    const why = short(after.find(isTrouble)?.errorMessage);
    console.log(`${verdict}: ${key}: ${told.join(' -> ')} ${why}`.trimEnd());
  }
  console.log(`${counts.same} same, ${counts.better} better, ${counts.worse} worse`);
  return counts.worse > 0 ? 1 : 0;
}

/** The suite quotes whole messages; its results have them all. */
function short(message = '') {
  return message.length > 300 ? `${message.slice(0, 300)}...` : message;
}

/** The checks of a run by «scenario check-id»: one id may be checked more than once. */
function load(directory) {
  const files = readdirSync(directory, { recursive: true }).filter(
    (path) => basename(path) === 'checks.json',
  );
  const checks = files.flatMap((path) => {
    const scenario = dirname(path)
      .replace(/^server-/, '')
      .replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const all = JSON.parse(readFileSync(join(directory, path), 'utf8'));
    return all.filter(isCheck).map((check) => ({ key: `${scenario} ${check.id}`, ...check }));
  });
  return Map.groupBy(checks, ({ key }) => key);
}

/** The suite records its traffic as checks too; how often a client polled is no property. */
function isCheck({ id, status }) {
  return !(status === 'INFO' && /^(incoming|outgoing)-|^stream-closed$/.test(id));
}

process.exitCode = main(process.argv.slice(2));
