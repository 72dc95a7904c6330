import type { ColumnsOptions } from "./columns-options.ts";
import type { DynamoConnection } from "./config.ts";

/** Which tables are read: those that are named, or those that carry the tags. */
export type TableChoice =
  | { readonly by: "whitelist"; readonly tables: readonly string[] }
  | {
      readonly by: "tags";
      /** Key of the tag that a table has to carry, whatever its value. */
      readonly ingestionKey: string;
      readonly environmentKey: string;
      /** One of these has to be the environment tag's value. */
      readonly environmentValues: readonly string[];
    };

/** How tables are looked for. */
export interface DiscoveryOptions {
  readonly choice: TableChoice;
  readonly periodMs: number;
  /** How long a table that is not found any more is read on, before it counts as gone. */
  readonly graceMs: number;
  /** Only tables whose stream has both images. */
  readonly bothImages: boolean;
}

/** How tables are scanned. */
export interface ScanOptions {
  /** Before the first page of a fresh INIT_SYNC. */
  readonly delayMs: number;
  /** Of a table's scan; null: by its size. */
  readonly segments: number | null;
  readonly consistent: boolean;
  /** Of a table's read capacity that the scan may take, between 0 and 1. */
  readonly capacityShare: number;
  /** Read units per second at most, whatever the share comes to; null is without this bound. */
  readonly maxUnits: number | null;
  /** An INIT_SYNC during which the stream was not read for so long begins anew. */
  readonly restartAfterMs: number;
}

/** How streams are read. */
export interface StreamOptions {
  /** The longest pause between two questions of a shard that has nothing new. */
  readonly idlePollMs: number;
  /** The least time between two questions of a shard. */
  readonly readEveryMs: number;
  /** How often the shards of a stream are listed. */
  readonly shardDiscoveryMs: number;
  /** Records may be at most so old when they are read: what is older may have older ones before it that are gone. */
  readonly safeZoneMs: number;
  /** Records that are older than a table's INIT_SYNC by more than this are left out. */
  readonly overlapMs: number;
}

/** Where a table is begun with that was never read. */
export type DynamoStartup =
  /** Load it, and follow its stream. */
  | { readonly mode: "initial" }
  /** Its stream alone: all that there still is, what comes from now on, or what came from a moment on. */
  | { readonly mode: "earliest-offset" | "latest-offset" }
  | { readonly mode: "timestamp"; readonly timestampMs: number };

/** Options of a DynamoDB source, normalised: every default is filled in. */
export interface DynamoSourceOptions {
  readonly connection: DynamoConnection;
  readonly discovery: DiscoveryOptions;
  readonly scan: ScanOptions;
  readonly stream: StreamOptions;
  readonly startup: DynamoStartup;
  /** How items become rows. */
  readonly columns: ColumnsOptions;
  /** `continue` goes on with what there is and says for ever that something is missing. */
  readonly onLoss: "resync" | "fail" | "continue";
}
