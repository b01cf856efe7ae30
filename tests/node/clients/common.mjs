// What every client script does: connect, list everything, call what the command line names.
//
//   node CLIENT.mjs URL [--era legacy|auto|modern] [--sse] [--header 'Name: value']...
//                       [--call TOOL JSON [--expect SUBSTRING]]...
//
// Prints one JSON line and exits 0, or tells what went wrong on stderr and exits 1. The URL may
// come from MCP_URL instead. Without --era a client negotiates as it does by default.

import { readFileSync } from 'node:fs';

/** Nothing that works takes longer. */
const DEADLINE_MS = 60_000;

/**
 * Runs one client. `connect(options)` returns what the client offers: `negotiated` (the protocol
 * version, or null where the client does not tell), `tools()`, `resources()`, `prompts()` (each a
 * promise of an array), `call(tool, arguments)` and `close()`.
 */
export async function run(name, packageName, connect) {
  const deadline = setTimeout(() => fail(name, `not done after ${DEADLINE_MS} ms`), DEADLINE_MS);
  try {
    const options = parse(process.argv.slice(2));
    const client = await connect(options);
    const counts = {};
    for (const list of ['tools', 'resources', 'prompts'])
      counts[list] = (await client[list]()).length;
    for (const call of options.calls) await check(client, call);
    await client.close();
    const { negotiated } = client;
    const line = { client: name, version: versionOf(packageName), negotiated, ...counts, ok: true };
    console.log(JSON.stringify(line));
    clearTimeout(deadline);
  } catch (error) {
    fail(name, error?.stack ?? error);
  }
}

/** Follows the cursors of `list(params)` and returns all of `key`. */
export async function pages(list, key) {
  const all = [];
  let cursor;
  do {
    const page = await list(cursor === undefined ? {} : { cursor });
    all.push(...page[key]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

async function check(client, { tool, args, expect }) {
  const result = JSON.stringify(await client.call(tool, args));
  if (!result.includes(expect)) throw new Error(`${tool}: no ${expect} in ${result}`);
}

function parse(words) {
  const options = { url: process.env.MCP_URL, era: undefined, sse: false, headers: {}, calls: [] };
  const next = (after) => words.shift() ?? usage(`a value is missing after ${after}`);
  while (words.length > 0) {
    const word = words.shift();
    if (word === '--era') options.era = next(word);
    else if (word === '--sse') options.sse = true;
    else if (word === '--header') {
      const [, key, value] = /^([^:]+): *(.*)$/.exec(next(word)) ?? usage('--header: Name: value');
      options.headers[key] = value;
    } else if (word === '--call') {
      options.calls.push({ tool: next(word), args: JSON.parse(next(word)), expect: '' });
    } else if (word === '--expect') {
      (options.calls.at(-1) ?? usage('--expect needs a --call')).expect = next(word);
    } else if (word.startsWith('--')) usage(`no such option: ${word}`);
    else options.url = word;
  }
  return options.url === undefined ? usage('no URL') : options;
}

function usage(problem) {
  throw new Error(`${problem}; see the head of common.mjs`);
}

function versionOf(packageName) {
  const file = new URL(`../node_modules/${packageName}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file)).version;
}

function fail(name, why) {
  console.error(`${name}: ${why}`);
  process.exit(1);
}
