/** How to reach AWS, whatever is asked there. */

/** Where a service is asked, in place of AWS' own addresses; null leaves it to the SDK (environment, profile, region). */
export interface DynamoEndpoints {
  readonly dynamodb: string | null;
  readonly streams: string | null;
  readonly tagging: string | null;
  readonly sts: string | null;
}

/** Keys that a file names. */
export interface StaticKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

/** A role that is assumed before anything is asked. */
export interface AssumedRole {
  readonly arn: string;
  readonly externalId: string | null;
  readonly sessionName: string;
}

/** Where credentials come from; with nothing given, from the SDK's default chain. */
export interface DynamoCredentials {
  readonly keys: StaticKeys | null;
  /** Of the shared configuration files. */
  readonly profile: string | null;
  readonly role: AssumedRole | null;
  /** A file with an OIDC token by which `role` is assumed, in place of other credentials. */
  readonly webIdentityTokenFile: string | null;
}

/** Everything that the clients are made of. */
export interface DynamoConnection {
  readonly region: string;
  readonly endpoints: DynamoEndpoints;
  readonly credentials: DynamoCredentials;
  readonly connectTimeoutMs: number;
  /** How long an answer may take, or rest in the middle. */
  readonly readTimeoutMs: number;
}

/** The defaults of {@link DynamoConnection} that name nobody. */
export const CONNECTION_DEFAULTS = {
  endpoints: { dynamodb: null, streams: null, tagging: null, sts: null },
  credentials: { keys: null, profile: null, role: null, webIdentityTokenFile: null },
  connectTimeoutMs: 10_000,
  readTimeoutMs: 30_000,
} as const satisfies Partial<DynamoConnection>;
