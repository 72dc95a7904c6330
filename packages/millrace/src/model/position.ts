/** What can be written as JSON and read back unchanged. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * A place in a channel: opaque to everyone but its source, compared by the source's `comparePositions`. It can be written as
 * JSON. Each change has its own; where a channel stands is a *standing*: everything up to there. In a single log, which is
 * totally ordered, both are the same thing; where a log is made of several shards, a standing has a place in each (design/008).
 */
export type Position = Json & { readonly __position?: never };

/** Names a source transaction in the way its snapshots speak of it (PostgreSQL: xid as decimal text). */
export type TransactionId = string;

/** The key where a chunk starts, stands or ends: opaque to everyone but its source. */
export type ChunkKey = Json & { readonly __chunkKey?: never };
