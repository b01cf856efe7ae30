// The weather, with made-up forecasts: a server with the official TypeScript SDK.
//
// It knows nothing of keys, roles or limits: the gateway in front of it does, and says who calls.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as z from 'zod';

/** Who calls, as the gateway says it of each request where the configuration has `context: true`. */
interface Caller {
  subject: string;
  tenant?: string;
}

const forecasts: Record<string, { celsius: number; sky: string }[]> = {
  bergen: [
    { celsius: 9, sky: 'rain' },
    { celsius: 10, sky: 'rain' },
    { celsius: 8, sky: 'clouds' },
  ],
  lisbon: [
    { celsius: 21, sky: 'sun' },
    { celsius: 22, sky: 'sun' },
    { celsius: 20, sky: 'clouds' },
  ],
};

/** Where each tenant has its house. */
const homes: Record<string, string> = { fjord: 'bergen', tagus: 'lisbon' };

const output = {
  city: z.string().describe('Where'),
  days: z
    .array(z.object({ celsius: z.number().describe('The highest temperature'), sky: z.string() }))
    .describe('Today first'),
};
const reads = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};
const days = z.number().int().min(1).max(3).default(1).describe('How many days, with today');
const server = new McpServer({ name: 'weather', version: '1.0.0' });

server.registerTool(
  'forecast',
  {
    title: 'Forecast of a city',
    description:
      'Tells the weather of the next days in one city. Use it when the city is known; for where the user works' +
      ' there is home_forecast. Takes the city and how many days. Returns temperature and sky of each day;' +
      ' changes nothing.',
    inputSchema: { city: z.enum(['bergen', 'lisbon']).describe('The city'), days },
    outputSchema: output,
    annotations: reads,
  },
  ({ city, days }) => weather(city, days),
);

server.registerTool(
  'home_forecast',
  {
    title: 'Forecast at home',
    description:
      'Tells the weather of the next days where the organisation of the user has its house. Use it when no city is' +
      ' named; for another city there is forecast. Takes how many days. Returns temperature and sky of each day;' +
      ' changes nothing.',
    inputSchema: { days },
    outputSchema: output,
    annotations: reads,
  },
  ({ days }, { _meta }) => {
    const { tenant = '' } = caller(_meta);
    const city = homes[tenant];
    if (city === undefined) return failure('the house of this organisation is not known; ask for a city');
    return weather(city, days);
  },
);

function weather(city: string, days: number) {
  const told = { city, days: forecasts[city].slice(0, days) };
  return { content: [{ type: 'text' as const, text: JSON.stringify(told) }], structuredContent: told };
}

/** A client cannot say who it is: the gateway takes out what one sends under this name. */
function caller(meta: Record<string, unknown> | undefined): Caller {
  const told = meta?.['dev.toolgate/context'] as { caller: Caller } | undefined;
  if (told === undefined) throw new Error('this server works behind the gateway only');
  return told.caller;
}

function failure(text: string) {
  return { content: [{ type: 'text' as const, text }], isError: true };
}

await server.connect(new StdioServerTransport());
