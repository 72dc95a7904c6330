import type { StreamOptions } from "./shard-stream.ts";
import type { TaskSettings } from "../settings.ts";

/** What one seed plays: how large everything is, what the source does, what goes wrong. */
export interface Profile {
  readonly settings: TaskSettings;
  readonly budgetBytes: number;
  readonly keyedTables: number;
  readonly keylessTables: number;
  readonly keys: number;
  readonly initialRows: number;
  readonly transactions: number;
  /** Every table goes to a second target too, without its large column. */
  readonly fanOut: boolean;
  readonly keyChanges: boolean;
  /** Updates that leave large values out of the log. */
  readonly unchanged: boolean;
  /** Rows that leave a large value out of the log though they may have changed it: only the source has it. */
  readonly unsure: boolean;
  readonly truncates: boolean;
  readonly ddl: boolean;
  /** How often what a transaction does first is one of these, and all of it. */
  readonly alters: number;
  /** How often it is done among others, of a table that the transaction has not touched before. */
  readonly midway: number;
  readonly badRows: boolean;
  readonly hugeValues: boolean;
  readonly crashes: number;
  readonly zombies: number;
  readonly stops: number;
  readonly resyncs: number;
  readonly resizes: number;
  /** Tables that the file names only later. */
  readonly joins: number;
  /** Times that an operator has dead letters replayed. */
  readonly replays: number;
  /**
   * The value column is unique, at the source and at the sink: immediately, or at the end of a transaction (at the
   * source). The sink's index is there from the beginning, or made after so many steps. So many transactions begin with
   * values that change places.
   */
  readonly unique: {
    readonly deferred: boolean;
    readonly fromStep: number;
    readonly exchanges: number;
  } | null;
  /**
   * The value column of each table names a row of the table before it (of the first one, where `isSelf`, a row of its own):
   * a foreign key, at the source checked at once or at the end of a transaction, at the sink at once, from this step on.
   */
  readonly foreign: {
    readonly deferred: boolean;
    readonly isSelf: boolean;
    readonly fromStep: number;
  } | null;
  readonly sourceLoss: number;
  readonly lostBefore: number;
  readonly lostAnswer: number;
  readonly slowLane: number | null;
  readonly impatience: number;
  readonly maxRowsPerCommit: number;
  readonly maxBytesPerCommit: number;
  /** The source can be asked for what its log does not tell. */
  readonly looks: boolean;
  /** Tables are dropped and made, under names that were there before. */
  readonly remakes: boolean;
  /** Tables have partitions that come and go with their rows. */
  readonly partitions: boolean;
  /** A key may be spelled in another way and stay the same key. */
  readonly spellings: boolean;
  /** How often columns that were altered are not proven. */
  readonly doubts: number;
  /** The log tells schema changes by messages in their place, beside what rows and looks tell. */
  readonly messages: boolean;
  /** The publication is for all tables; else for those that the pipeline names. */
  readonly publishesAll: boolean;
  /** Times that the slot is lost. */
  readonly losses: number;
  /** Times that a table is taken out of the publication. */
  readonly unpublished: number;
  /** Times that a table is taken out of the file, and comes back. */
  readonly leaves: number;
  readonly pauses: number;
  /** Times that an operator pauses one table, or resumes one that is paused. */
  readonly tablePauses: number;
  /** Times that the source's server is killed and comes back. */
  readonly restarts: number;
  /** Times that another server takes over, which has the same log. */
  readonly failovers: number;
  /** How often a connection to the sink cannot be opened. */
  readonly lostOpen: number;
  /** Times that somebody drops a target, or makes another table in its place. */
  readonly lostTargets: number;
  /** The sink is like Kafka. */
  readonly topics: boolean;
  /** The sink's transactions lock rows and wait for one another, as PostgreSQL's; else the first committer wins, as on DSQL. */
  readonly locks: boolean;
  /** Times that somebody else's transaction locks rows of the targets for a while; only where the sink has locks. */
  readonly strangers: number;
  /** The log tells schema changes in their place; of a hundred, so many are not understood. Null where it tells rows alone. */
  readonly told: { readonly unknown: number } | null;
  /** The log is a stream of so many shards at first, which end and have children; null where it is one log. */
  readonly shards: StreamOptions | null;
  /** A load gives way for a while at a time, and its turns are denied at random. */
  readonly grudges: boolean;
  /** Chunks are read from a server that follows the log's, whose connections are cut so often; null where not. */
  readonly standby: { readonly cuts: number } | null;
}

/** Names of sets of things that a seed may play; `all` draws among them. */
export type ProfileName =
  | "plain"
  | "audit"
  | "all"
  | "unique"
  | "crowded"
  | "foreign"
  | "bound"
  | "lives"
  | "topics"
  | "readers"
  | "gentle"
  | "told"
  | "messages"
  | "shards"
  | "locks"
  | "turns";

/** All of them. */
export const PROFILE_NAMES: readonly ProfileName[] = [
  "plain",
  "audit",
  "all",
  "unique",
  "crowded",
  "foreign",
  "bound",
  "lives",
  "topics",
  "readers",
  "gentle",
  "told",
  "messages",
  "shards",
  "locks",
  "turns",
];
