// The official TypeScript client, from the first refusal to a renewed token:
//
//   node typescript.mjs URL [--document CLIENT_ID_URL]
//
// Connects without a token, finds the issuer, becomes its client, signs in, calls `read`; calls
// `write`, which needs more scope, and gets it; waits until the token has ended and calls again.

import { setTimeout as sleep } from 'node:timers/promises';

import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';

import { visit } from './browser.mjs';

const REDIRECT = 'http://127.0.0.1:3000/callback';
const [url, ...words] = process.argv.slice(2);
const document = words.includes('--document') ? words[words.indexOf('--document') + 1] : undefined;

/** What a client keeps, and what it saw on the way. */
class Kept {
  seen = [];
  redirectUrl = REDIRECT;
  clientMetadataUrl = document;
  clientMetadata = {
    client_name: 'Testbed',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  };
  state = () => (this.expected = crypto.randomUUID());
  clientInformation = () => this.client;
  saveClientInformation = (client) => {
    this.client = client;
    this.seen.push(document === client.client_id ? 'named by document' : 'registered');
  };
  tokens = () => this.held;
  saveTokens = (tokens) => {
    const renewed = this.held?.refresh_token !== undefined && this.answer === undefined;
    this.seen.push(`${renewed ? 'renewed' : 'granted'} ${tokens.scope}`);
    this.held = tokens;
    this.answer = undefined;
  };
  saveCodeVerifier = (verifier) => (this.verifier = verifier);
  codeVerifier = () => this.verifier;
  saveDiscoveryState = (state) => (this.discovered = state);
  discoveryState = () => this.discovered;
  redirectToAuthorization = async (place) => {
    this.answer = (await visit(place, REDIRECT)).searchParams;
    if (this.answer.get('state') !== this.expected) throw new Error('the state is another');
  };
}

const kept = new Kept();

/** Does `work`, and once more after each consent that it turned out to need. */
async function permitted(transport, work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || kept.answer === undefined) throw error;
      await transport.finishAuth(kept.answer);
    }
  }
}

async function connected() {
  for (let attempt = 0; ; attempt += 1) {
    const client = new Client({ name: 'testbed', version: '0.1.0' });
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: kept });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || attempt > 1) throw error;
      await transport.finishAuth(kept.answer);
    }
  }
}

const { client, transport } = await connected();
const call = async (name) => {
  const result = await permitted(transport, () => client.callTool({ name, arguments: {} }));
  if (result.isError || result.content[0].text !== name) throw new Error(JSON.stringify(result));
  kept.seen.push(`called ${name}`);
};
await call('read');
await call('write');
await sleep((kept.held.expires_in + 1) * 1000);
await call('read');
await client.close();
console.log(JSON.stringify(kept.seen));
