/** What can be written as JSON and read back unchanged. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * Where a channel stands: opaque to everyone but its source, totally ordered within its channel by the source's
 * `comparePositions`. It can be written as JSON. Each change has its own.
 */
export type Position = Json & { readonly __position?: never };

/** Names a source transaction in the way its snapshots speak of it (PostgreSQL: xid as decimal text). */
export type TransactionId = string;

/** The key where a chunk starts, stands or ends: opaque to everyone but its source. */
export type ChunkKey = Json & { readonly __chunkKey?: never };
