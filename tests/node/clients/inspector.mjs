// The Inspector's command line: a process for every method. By default it begins with 2025-11-25.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { run } from './common.mjs';

const LAUNCHER = fileURLToPath(
  new URL(
    '../node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
    import.meta.url,
  ),
);

await run('inspector', '@modelcontextprotocol/inspector', async ({ url, era, sse, headers }) => {
  // It keeps catalogues and tokens at home; the person's own must not be touched.
  const home = await mkdtemp(join(tmpdir(), 'inspector-'));
  const target = ['--cli', url, '--transport', sse ? 'sse' : 'http', '--format', 'json', '--quiet'];
  if (era !== undefined) target.push('--protocol-era', era);
  for (const [key, value] of Object.entries(headers)) target.push('--header', `${key}: ${value}`);

  async function inspect(method, ...more) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [LAUNCHER, ...target, '--method', method, ...more],
      { env: { ...process.env, HOME: home }, maxBuffer: 64 * 1024 * 1024 },
    );
    return JSON.parse(stdout).result;
  }

  return {
    negotiated: null,
    tools: async () => (await inspect('tools/list')).tools,
    resources: async () => (await inspect('resources/list')).resources,
    prompts: async () => (await inspect('prompts/list')).prompts,
    call: (name, args) =>
      inspect('tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args)),
    close: () => rm(home, { recursive: true }),
  };
});
