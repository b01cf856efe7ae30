// What the suite left of a run, check by check.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The checks of a run by «scenario check-id»: one id may be checked more than once. */
export function load(directory) {
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

/** How many scenarios a run has, and how its checks went, as words. */
export function counts(run) {
  const statuses = [...run.values()].flatMap((checks) => checks.map(({ status }) => status));
  const told = [...Map.groupBy(statuses, (status) => status)]
    .map(([status, all]) => `${all.length} ${status.toLowerCase()}`)
    .sort();
  const scenarios = new Set([...run.keys()].map((key) => key.split(' ')[0])).size;
  return { scenarios, checks: told.join(', ') || 'no checks' };
}

/** The outcomes of one check, in a word. */
export const outcomes = (checks) => checks.map(({ status }) => status).join(',') || 'ABSENT';

/** The suite quotes whole messages; its results have them all. */
export const short = (message = '') =>
  message.length > 300 ? `${message.slice(0, 300)}...` : message;

/** The suite records its traffic as checks too; how often a client polled is no property. */
function isCheck({ id, status }) {
  return !(status === 'INFO' && /^(incoming|outgoing)-|^stream-closed$/.test(id));
}
