// A relying party as others write one: openid-client for the flow, jose for the tokens.
// node client.mjs ISSUER CLIENT_ID SECRET CALLBACK: prints the address to open, reads the callback's address, prints JSON.
import * as client from "openid-client";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { createInterface } from "node:readline/promises";

const [issuer, id, secret, callback] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const config = await client.discovery(new URL(issuer), id, secret, undefined, {
  execute: [client.allowInsecureRequests],
});
const verifier = client.randomPKCECodeVerifier();
const [state, nonce] = [client.randomState(), client.randomNonce()];
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: callback,
  scope: "openid profile ga4gh_passport_v1 offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
});
console.log(address.href);
const { value: answered } = await lines.next();
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
const tokens = await client.authorizationCodeGrant(config, new URL(answered), checks);
const claims = tokens.claims();
const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const exchanged = await client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
  requested_token_type: "urn:ga4gh:params:oauth:token-type:passport",
  subject_token: tokens.access_token,
  subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
});
const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
const verified = {};
for (const [name, token] of Object.entries({
  access: tokens.access_token,
  identity: tokens.id_token,
  passport: exchanged.access_token,
})) {
  const { payload } = await jwtVerify(token, keys, { issuer, algorithms: ["ES256"] });
  verified[name] = { typ: decodeProtectedHeader(token).typ, sub: payload.sub };
}
for (const visa of person.ga4gh_passport_v1) {
  const { jku } = decodeProtectedHeader(visa);
  const { payload } = await jwtVerify(visa, createRemoteJWKSet(new URL(jku)), { typ: "vnd.ga4gh.visa+jwt" });
  verified.visa = { typ: decodeProtectedHeader(visa).typ, sub: payload.sub };
}
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
await client.tokenRevocation(config, renewed.refresh_token);
const told = await client.tokenIntrospection(config, renewed.access_token);
console.log(JSON.stringify({ sub: claims.sub, name: person.name, verified, active: told.active }));
process.exit(0);
