// An OpenID provider as an institution runs one: oidc-provider with its own sign-in and consent pages.
// node provider.mjs ISSUER CALLBACK SECRET
import Provider from "oidc-provider";

const [issuer, callback, secret] = process.argv.slice(2);
const provider = new Provider(issuer, {
  clients: [{ client_id: "gsa-broker", client_secret: secret, redirect_uris: [callback] }],
  claims: { openid: ["sub"], profile: ["name"] },
  cookies: { keys: ["interop"] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, name: `Person ${id}` }) }),
});
provider.listen(Number(new URL(issuer).port), "127.0.0.1", () => console.log("listening"));
