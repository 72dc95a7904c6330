/** What a stand-in can be started with. */

/** A key that requests are signed with. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The account that it belongs to; the default account when left out. */
  readonly account?: string;
}

/** Options of `startDynamodbLocal`; the command line has the same ones. */
export interface DynamodbLocalOptions {
  /** Port to listen on; 0 (the default of the library) takes a free one. */
  readonly port?: number;
  /** Address to listen on, 127.0.0.1 by default. */
  readonly host?: string;
  /** The account of access keys that say none; 123456789012 by default. */
  readonly account?: string;
  /** The keys that may be used; their signatures are checked. Any key, unchecked, when left out. */
  readonly credentials?: readonly Credential[];
  /** Shards that a stream begins with. By default as many as the table's throughput asks for: four on demand. */
  readonly shards?: number;
  /** How long tables and streams take to be created, changed and deleted; 0 by default. */
  readonly stateMs?: number;
  /** Refuse what is over a table's throughput; off by default. */
  readonly throttle?: boolean;
  /** Seconds of unused throughput that can be used later; 300, as in the service. */
  readonly burstSeconds?: number;
  /** Refuse more than ten DescribeStream and, per shard, five GetRecords a second; off by default. */
  readonly streamLimits?: boolean;
  /** How long a change of tags takes to be found by GetResources; 0 by default. */
  readonly tagDelayMs?: number;
  /** How often items whose time is over are deleted; 10,000 by default, 0 only when the control port says so. */
  readonly ttlSweepMs?: number;
  /** Where the control port listens, `ADDR:PORT`; off when left out. */
  readonly control?: string;
  /** Draws between 0 and 1, for ids and sequence numbers; `Math.random` by default. */
  readonly random?: () => number;
}

/** The options with their defaults. */
export type Settings = Required<
  Omit<DynamodbLocalOptions, "port" | "host" | "control" | "credentials" | "shards">
> &
  Pick<DynamodbLocalOptions, "credentials" | "shards">;

/** Fills the defaults in. */
export function settingsOf(options: DynamodbLocalOptions): Settings {
  return {
    account: options.account ?? "123456789012",
    stateMs: options.stateMs ?? 0,
    throttle: options.throttle ?? false,
    burstSeconds: options.burstSeconds ?? 300,
    streamLimits: options.streamLimits ?? false,
    tagDelayMs: options.tagDelayMs ?? 0,
    ttlSweepMs: options.ttlSweepMs ?? 10_000,
    random: options.random ?? Math.random,
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(options.shards === undefined ? {} : { shards: options.shards }),
  };
}
