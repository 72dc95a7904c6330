import {
  apiVersionsV1,
  AuthenticationError,
  type Connection,
  saslAuthenticateV0,
  saslAuthenticateV1,
  saslAuthenticateV2,
  saslHandshakeV1,
  type SASLOptions,
  saslPlain,
  saslScramSha,
  UserError,
} from "@platformatic/kafka";

/** Newest first. */
const VERSIONS = [
  [2, saslAuthenticateV2.api],
  [1, saslAuthenticateV1.api],
  [0, saslAuthenticateV0.api],
] as const;

/** What a broker says of who has logged in. */
export interface Login {
  /** How long it takes requests of them; 0: for ever. */
  readonly sessionMs: number;
}

/**
 * Logs in on a connection that is open, by what the library has for it.
 * @throws AuthenticationError, UserError and whatever befalls the connection
 */
export async function logIn(connection: Connection, sasl: SASLOptions): Promise<Login> {
  const api = await authenticateOf(connection);
  const { mechanism, username = "", password = "" } = sasl;
  await saslHandshakeV1.api.async(connection, mechanism).catch((error: Error) => {
    throw new AuthenticationError("Cannot find a suitable SASL mechanism.", { cause: error });
  });
  const answer = await (async () => {
    switch (mechanism) {
      case "PLAIN":
        return saslPlain.authenticate(api, connection, username, password);
      case "SCRAM-SHA-256":
        return saslScramSha.authenticate(api, connection, "SHA-256", username, password);
      case "SCRAM-SHA-512":
        return saslScramSha.authenticate(api, connection, "SHA-512", username, password);
      default:
        throw new UserError(`SASL mechanism ${mechanism} not supported.`);
    }
  })();
  return { sessionMs: Number(answer.sessionLifetimeMs) };
}

/** Asked before the handshake: behind it a broker takes nothing else. */
async function authenticateOf(connection: Connection): Promise<(typeof VERSIONS)[number][1]> {
  const answer = await apiVersionsV1.api.async(connection, "millrace", "1").catch(() => null);
  const { api } = saslAuthenticateV2;
  const spoken = answer?.apiKeys.find(({ apiKey }) => apiKey === api.key);
  const found = VERSIONS.find(
    ([version]) =>
      spoken !== undefined && version >= spoken.minVersion && version <= spoken.maxVersion,
  );
  return found?.[1] ?? api;
}
