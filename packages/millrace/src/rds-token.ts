import type { Clock } from "./model/ports.ts";
import {
  type AwsCredentials,
  CredentialCache,
  type CredentialSource,
} from "./sinks/dsql/iam-authentication.ts";
import type { ServerAddress } from "./sources/postgres/options.ts";

/** What it takes to sign for roles of RDS and Aurora. */
export interface RdsTokenOptions {
  readonly region: string;
  readonly username: string;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
}

/** How long the server takes a token; one is signed for each connection, which is opened at once. */
const TOKEN_LIFETIME_S = 900;

/**
 * Passwords for IAM authentication of RDS and Aurora: for each connection a presigned request to its server, signed on this
 * machine. What it is signed with is fetched anew before it expires, and for a `renewed` one: keys without an end may be
 * exchanged all the same.
 */
export function rdsPassword(
  options: RdsTokenOptions,
): (server: ServerAddress, renewed?: boolean) => Promise<string> {
  const cache = new CredentialCache(options.credentials, options.clock, "source");
  return async (server, renewed = false) => {
    try {
      return await signRdsToken(options, server, await cache.get(renewed));
    } catch (error) {
      throw cache.refusal(error);
    }
  };
}

async function signRdsToken(
  { region, username, clock }: RdsTokenOptions,
  { hostname, port }: ServerAddress,
  credentials: AwsCredentials,
): Promise<string> {
  // Loaded here, so that who reads with a password does not wait for it.
  const [{ SignatureV4 }, { Sha256 }, { HttpRequest }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@smithy/core/checksum"),
    import("@smithy/core/protocols"),
  ]);
  const signer = new SignatureV4({ service: "rds-db", region, credentials, sha256: Sha256 });
  const request = new HttpRequest({
    method: "GET",
    protocol: "https:",
    hostname,
    port,
    query: { Action: "connect", DBUser: username },
    headers: { host: `${hostname}:${port}` },
  });
  const signingDate = new Date(clock.now());
  const { query } = await signer.presign(request, { expiresIn: TOKEN_LIFETIME_S, signingDate });
  const parameters = Object.entries(query ?? {}).map(
    ([name, value]) => `${escape(name)}=${escape(String(value))}`,
  );
  return `${hostname}:${port}/?${parameters.join("&")}`;
}

/** As the signature counts it: everything but unreserved characters. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
