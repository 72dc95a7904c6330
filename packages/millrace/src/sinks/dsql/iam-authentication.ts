import type { AuthenticationProvider, TokenObserver } from "./authentication.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock } from "../../model/ports.ts";

/** AWS credentials, as the SDK's providers give them. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Fetches credentials; called again when they are about to expire. */
export type CredentialSource = () => Promise<AwsCredentials>;

/** What it takes to sign for a DSQL cluster. */
export interface IamOptions {
  readonly host: string;
  readonly region: string;
  /** Signs `DbConnectAdmin` instead of `DbConnect`. */
  readonly admin: boolean;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly observer: TokenObserver;
}

/** A token's life; the connection is opened at once, so the signer's own default is enough. */
const TOKEN_LIFETIME_S = 900;

/** Credentials are fetched anew this long before they end, ms: a token dies with them. */
const CREDENTIAL_MARGIN_MS = 120_000;

/** Tokens signed on this machine, 64 µs each, one per connection. */
export function iamAuthentication(options: IamOptions): AuthenticationProvider {
  const cache = new CredentialCache(options.credentials, options.clock);
  return {
    async password({ fresh }) {
      try {
        const token = await sign(options, await cache.get(fresh));
        options.observer.signed({ expiresAtMs: options.clock.now() + TOKEN_LIFETIME_S * 1_000 });
        return token;
      } catch (error) {
        options.observer.failed();
        throw cache.refusal(error);
      }
    },
  };
}

async function sign(options: IamOptions, credentials: AwsCredentials): Promise<string> {
  // Loaded here, so that who writes to plain PostgreSQL does not wait for it.
  const { DsqlSigner } = await import("@aws-sdk/dsql-signer");
  const { host, region } = options;
  const signer = new DsqlSigner({
    hostname: host,
    region,
    credentials,
    expiresIn: TOKEN_LIFETIME_S,
  });
  return options.admin ? signer.getDbConnectAdminAuthToken() : signer.getDbConnectAuthToken();
}

/** Names of errors that say nothing to who has never heard of them. */
const NONE: Readonly<Record<string, string>> = {
  CredentialsProviderError: "this process has no AWS credentials",
};

const CREDENTIALS =
  "Give this process AWS credentials as for any AWS tool: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of " +
  "its container or instance (`aws sts get-caller-identity` shows whether it has any).";

const WITHOUT_AWS =
  "Into dsql-local with `--auth trust` none are needed: write use-iam-auth: false and any password.";

/** One fetch at a time: at a start with many lanes, concurrent first look-ups were seen to fail. */
export class CredentialCache {
  readonly #fetch: CredentialSource;
  readonly #clock: Clock;
  #held: AwsCredentials | null = null;
  #pending: Promise<AwsCredentials> | null = null;
  #hadAny = false;
  readonly #side: "source" | "sink";

  constructor(fetch: CredentialSource, clock: Clock, side: "source" | "sink" = "sink") {
    this.#fetch = fetch;
    this.#clock = clock;
    this.#side = side;
  }

  get(fresh: boolean): Promise<AwsCredentials> {
    if (!fresh && this.#held !== null && !this.#expiring(this.#held))
      return Promise.resolve(this.#held);
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  /** No credentials at all is the operator's to mend; once there were some, their service is only away for a while. */
  refusal(cause: unknown): MillraceError {
    const name = cause instanceof Error ? cause.name : typeof cause;
    const option = `${this.#side}.use-iam-auth`;
    const detail = `${option}: no IAM token could be signed: ${this.#hadAny ? name : (NONE[name] ?? name)}`;
    const remedy = this.#side === "sink" ? `${CREDENTIALS} ${WITHOUT_AWS}` : CREDENTIALS;
    const [lost, refused] =
      this.#side === "sink"
        ? (["MR_SINK_LOST_CONNECTION", "MR_SINK_REFUSED"] as const)
        : (["MR_SOURCE_LOST_CONNECTION", "MR_SOURCE_REFUSED"] as const);
    return this.#hadAny
      ? new MillraceError(lost, detail, { cause, facts: { option } })
      : new MillraceError(refused, detail, { cause, remedy, facts: { option } });
  }

  async #renew(): Promise<AwsCredentials> {
    const credentials = await this.#fetch();
    this.#held = credentials;
    this.#hadAny = true;
    return credentials;
  }

  #expiring({ expiration }: AwsCredentials): boolean {
    return (
      expiration !== undefined && expiration.getTime() - this.#clock.now() < CREDENTIAL_MARGIN_MS
    );
  }
}

/**
 * The process' own credentials (environment, profile, container, instance), or those of a role that they may assume.
 */
export function awsCredentials(options: {
  readonly region: string;
  readonly role: string | null;
}): CredentialSource {
  return async () => {
    const { fromNodeProviderChain, fromTemporaryCredentials } =
      await import("@aws-sdk/credential-providers");
    const own = fromNodeProviderChain({
      ignoreCache: true, // the keys of a file may be exchanged while we run
      clientConfig: { region: options.region },
    });
    if (options.role === null) return own();
    const assume = fromTemporaryCredentials({
      masterCredentials: own,
      params: { RoleArn: options.role, RoleSessionName: "millrace" },
      clientConfig: { region: options.region },
    });
    return assume();
  };
}

/** `eu-west-1` of `abc123.dsql.eu-west-1.on.aws`; null for any other host. */
export function regionOfHost(host: string): string | null {
  return /\.dsql(?:-[a-z]+)?\.([a-z0-9-]+)\.on\.aws$/i.exec(host)?.[1] ?? null;
}
