// How two outcomes of one check compare.

/** From good to bad. */
const ORDER = ['SUCCESS', 'INFO', 'SKIPPED', 'WARNING', 'FAILURE'];

const TROUBLE = rank('WARNING');

/** What has to be looked into. */
export const isTrouble = ({ status }) => rank(status) >= TROUBLE;

/** What fails a run. */
export const isFailure = ({ status }) => rank(status) >= rank('FAILURE');

/**
 * Whether `after` is the `same` as `before`, `better` or `worse`. Both list the outcomes of one
 * check, which may have run more than once. One that is gone is worse than any outcome; one that
 * is new is better, unless it is trouble.
 */
export function compare(before, after) {
  const [old, now] = [before, after].map((checks) =>
    checks.map(({ status }) => rank(status)).sort((a, b) => a - b),
  );
  const steps = old.map((status, index) => (now[index] ?? Infinity) - status);
  const added = now.slice(old.length);
  if (steps.some((step) => step > 0) || added.some((status) => status >= TROUBLE)) return 'worse';
  return steps.some((step) => step < 0) || added.length > 0 ? 'better' : 'same';
}

/** A status that the suite adds one day is taken for bad until somebody looks. */
function rank(status) {
  const index = ORDER.indexOf(status);
  return index < 0 ? ORDER.length : index;
}
