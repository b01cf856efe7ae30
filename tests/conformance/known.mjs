// Which checks may get worse on the way, and why? docs/conformance.md says so in a table whose rows
// are `| set | era of the server | check | reason |`.

const ROW = /^\| (\d{4}-\d\d-\d\d) \| (legacy|modern) \| `([^`]+)` \| ([^|]*[^| ]) *\|$/;

/** The reason of every check that is listed in the text of `page`, by «set era check». */
export function known(page) {
  const rows = page.split('\n').map((line) => ROW.exec(line)).filter(Boolean);
  return new Map(rows.map(([, set, era, check, reason]) => [`${set} ${era} ${check}`, reason]));
}

/**
 * What to complain about in a run of `set` against a server of `era`, in which the checks `worse`
 * got worse: one that is not listed, and one that is listed in vain.
 */
export function complaints(listed, set, era, worse) {
  const prefix = `${set} ${era} `;
  const named = [...listed.keys()].filter((key) => key.startsWith(prefix));
  const vain = named.map((key) => key.slice(prefix.length)).filter((key) => !worse.includes(key));
  return {
    unlisted: worse.filter((key) => !listed.has(prefix + key)),
    vain,
  };
}
