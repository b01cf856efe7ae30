// Did any conformance check get worse between two runs of the suite?
//
//   diff DIRECT THROUGH          list every check that differs; exit 1 if one got worse
//   diff --summary NAME RESULTS  one line of counts; exit 1 if there are no results
//   diff --failures RESULTS      list the checks that failed or warned; exit 1 if one failed
//
// The suite's exit code counts failures alone. A gateway that loses a stream, its resumption or a
// priming event turns successes into warnings, notes, skipped checks, or into nothing at all.

import { compare, isFailure, isTrouble } from './checks.mjs';
import { counts, load, outcomes, short } from './results.mjs';

function main(args) {
  if (args[0] === '--summary' && args.length === 3) return summary(args[1], load(args[2]));
  if (args[0] === '--failures' && args.length === 2) return failures(load(args[1]));
  if (args.length === 2) return difference(load(args[0]), load(args[1]));
  console.error('usage: diff DIRECT THROUGH | --summary NAME RESULTS | --failures RESULTS');
  return 2;
}

function summary(name, run) {
  const { scenarios, checks } = counts(run);
  console.log(`${name}: ${scenarios} scenarios: ${checks}`);
  return run.size > 0 ? 0 : 1;
}

function failures(run) {
  const checks = [...run].flatMap(([key, all]) => all.map((check) => ({ key, ...check })));
  for (const { key, status, errorMessage } of checks.filter(isTrouble)) {
    console.log(`${status} ${key} ${short(errorMessage)}`);
  }
  return checks.some(isFailure) ? 1 : 0;
}

function difference(direct, through) {
  const total = { same: 0, better: 0, worse: 0 };
  for (const key of new Set([...direct.keys(), ...through.keys()])) {
    const [before, after] = [direct.get(key) ?? [], through.get(key) ?? []];
    const verdict = compare(before, after);
    total[verdict] += 1;
    if (verdict === 'same') continue;
    const told = `${outcomes(before)} -> ${outcomes(after)}`;
    const why = short(after.find(isTrouble)?.errorMessage);
    console.log(`${verdict}: ${key}: ${told} ${why}`.trimEnd());
  }
  console.log(`${total.same} same, ${total.better} better, ${total.worse} worse`);
  return total.worse > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
