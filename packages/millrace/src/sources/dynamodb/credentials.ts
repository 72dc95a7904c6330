import {
  fromNodeProviderChain,
  fromTemporaryCredentials,
  fromTokenFile,
} from "@aws-sdk/credential-providers";
import type { Clock } from "../../model/ports.ts";
import type { DynamoConnection } from "./config.ts";

/** What requests are signed with. */
export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

type KeySource = () => Promise<SigningKeys>;

/** They are read anew so long before they end, ms. */
const MARGIN_MS = 300_000;
/** Within that margin, at most one reading in so many ms: a source may have nothing newer until the last minute, or be away. */
const READ_EVERY_MS = 5_000;

/**
 * The credentials of all clients: read once, and again before they end or where somebody says that they are no longer
 * good. The SDK would keep those that name no end, of a file whose keys were exchanged, for ever.
 */
export class Credentials {
  readonly #source: KeySource;
  readonly #clock: Clock;
  #held: SigningKeys | null = null;
  /** When they were read last, or tried to, of the clock that only goes on. */
  #readAtMs = -Infinity;
  #pending: Promise<SigningKeys> | null = null;

  constructor(source: KeySource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** As the SDK takes a provider that remembers by itself: asked for each request. */
  get provider(): KeySource & { readonly memoized: true } {
    return Object.assign(() => this.#get(), { memoized: true as const });
  }

  /** What there is was refused: the next request reads them anew. */
  renew(): void {
    this.#held = null;
  }

  async #get(): Promise<SigningKeys> {
    if (this.#held !== null && !this.#isToRead(this.#held)) return this.#held;
    this.#pending ??= this.#read().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #read(): Promise<SigningKeys> {
    this.#readAtMs = this.#clock.monotonic();
    try {
      this.#held = await this.#source();
    } catch (thrown) {
      // Those that have not ended are good still; what was refused meanwhile is not held.
      if (this.#held === null || this.#leftMs(this.#held) <= 0) {
        this.#held = null;
        throw thrown;
      }
    }
    return this.#held;
  }

  #isToRead(keys: SigningKeys): boolean {
    if (this.#leftMs(keys) >= MARGIN_MS) return false;
    return this.#clock.monotonic() - this.#readAtMs >= READ_EVERY_MS;
  }

  #leftMs({ expiration }: SigningKeys): number {
    return expiration === undefined ? Infinity : expiration.getTime() - this.#clock.now();
  }
}

/** Where a file says that credentials come from; with nothing said, the SDK's default chain. */
export function keySource({ region, endpoints, credentials }: DynamoConnection): KeySource {
  const { keys, profile, role, webIdentityTokenFile } = credentials;
  const clientConfig = {
    region,
    ...(endpoints.sts === null ? {} : { endpoint: endpoints.sts }),
  };
  if (role !== null && webIdentityTokenFile !== null)
    return fromTokenFile({
      webIdentityTokenFile,
      roleArn: role.arn,
      roleSessionName: role.sessionName,
      clientConfig,
    });
  const own: KeySource =
    keys === null
      ? chain(profile, clientConfig)
      : () => {
          const { sessionToken, ...rest } = keys;
          return Promise.resolve({ ...rest, ...(sessionToken === null ? {} : { sessionToken }) });
        };
  if (role === null) return own;
  return () =>
    fromTemporaryCredentials({
      masterCredentials: own,
      params: {
        RoleArn: role.arn,
        RoleSessionName: role.sessionName,
        ...(role.externalId === null ? {} : { ExternalId: role.externalId }),
      },
      clientConfig,
    })();
}

/** Made anew for each reading, so that it sees what has been written into files since. */
function chain(profile: string | null, clientConfig: object): KeySource {
  return () =>
    fromNodeProviderChain({
      ignoreCache: true,
      ...(profile === null ? {} : { profile }),
      clientConfig,
    })();
}
