/* Every attack on a token, with keys of the algorithms that do not sign here. They stand in the JWK Set while this runs. */
import { after } from "node:test";
import { get } from "../lib/api.mjs";
import { plantKey, removeKey } from "../lib/forge.mjs";
import { config, sleep } from "../lib/instance.mjs";
import { tokenTests } from "../lib/token-tests.mjs";
import { newSession } from "../lib/users.mjs";

const KEYS_REFRESH_MS = 2000; /* service/keys.h */

const user = await newSession();
const keys = await Promise.all(["ES256", "RS256", "HS256"].filter((alg) => alg !== config("token_alg")).map(plantKey));
after(() => Promise.all(keys.map(removeKey)));
await sleep(KEYS_REFRESH_MS + 200);

const jwks = (await get("/.well-known/jwks.json")).text;
for (const key of keys)
	tokenTests(key, user, jwks);
