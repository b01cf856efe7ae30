// A real authorization server, from a package registry: oidc-provider with resource indicators,
// registration, client metadata documents and rotated refresh tokens. Tokens live for three seconds.
//
//   node issuer.mjs PORT RESOURCE

import { generateKeyPairSync } from 'node:crypto';

import Provider from 'oidc-provider';

const [port, resource] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const scopes = 'tools:read tools:write';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'k1' };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  scopes: ['openid', 'offline_access', ...scopes.split(' ')],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: ['a key of a test and nothing else'] },
  ttl: { AccessToken: 3, AuthorizationCode: 60, Grant: 600, Interaction: 60, Session: 600 },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, indicator) => {
        if (indicator !== resource) throw new Error(`no tokens for ${indicator}`);
        return {
          scope: scopes,
          audience: indicator,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256', kid: 'k1' } },
        };
      },
      useGrantedResource: () => true,
    },
  },
});
// A client registers with the scope it needs at first. That is not to be all it can ever get.
const clients = provider.Client.adapter;
const upsert = clients.upsert.bind(clients);
clients.upsert = (id, { scope, ...metadata }, ttl) => upsert(id, metadata, ttl);

provider.on('server_error', (_, error) => console.error(error));
provider.listen(Number(port), '127.0.0.1', () => console.log(`listening ${issuer}`));
