/* Every attack on a token, with the key that signs here; disruptive/46-token-algorithms.test.mjs has the other algorithms. */
import { get } from "./lib/api.mjs";
import { openKey } from "./lib/forge.mjs";
import { npm } from "./lib/npm.mjs";
import { tokenTests } from "./lib/token-tests.mjs";
import { newSession } from "./lib/users.mjs";

const { decodeProtectedHeader } = await npm("jose");

const user = await newSession();
const key = await openKey(decodeProtectedHeader(user.token).kid);

tokenTests(key, user, (await get("/.well-known/jwks.json")).text);
