import { MillraceError } from "../../errors/millrace-error.ts";
import type { ChunkKey, Position } from "../../model/position.ts";
import type { ConnectorContext } from "../../model/source.ts";
import {
  LEASE_TABLE_PREFIX,
  type Leases,
  placesOf,
  readLeases,
  readToMs,
  strangerTo,
} from "./adopt-leases.ts";
import type { ConnectorOffset } from "./adopt-offsets.ts";
import type { DynamoApi, ShardDescription } from "./api.ts";
import { chunkKey } from "./chunks.ts";
import { labelOf, toPosition } from "./position.ts";
import { streamOf } from "./prepare-log.ts";
import { BEGIN, END } from "./sequence.ts";
import { ServiceClock } from "./service-clock.ts";
import { ShardLists } from "./shard-lists.ts";

/** Where a table of the connector's goes on with us. */
export interface AdoptedPlace {
  readonly offset: ConnectorOffset;
  /** From where its stream is read on. */
  readonly position: Position;
  /** From where its Scan goes on; null where that is over. */
  readonly scanFrom: ChunkKey | null;
  /** In a few words, for people. */
  readonly shards: { readonly read: number; readonly midway: number; readonly unread: number };
  /** Everything before this is read, as far as can be told, milliseconds since 1970. */
  readonly readToMs: number;
}

/** Or why it begins anew. */
export type TableAdoption = AdoptedPlace | { readonly left: string };

/** What is asked of the service. */
export interface AdoptingApi {
  readonly api: DynamoApi;
  readonly context: ConnectorContext;
}

/**
 * Where one table of Trustpilot's connector is gone on with: its stream at the leases' checkpoints, its Scan (one segment) at
 * the offset's key. Reads only.
 * @throws MillraceError where the service cannot be asked
 */
export async function adoptTable(
  { api, context }: AdoptingApi,
  offset: ConnectorOffset,
): Promise<TableAdoption> {
  try {
    return await placeOf({ api, context }, offset);
  } catch (thrown) {
    // What is trimmed, disabled or gone is not gone on with by anybody.
    if (!(thrown instanceof MillraceError) || thrown.class === "transient") throw thrown;
    return { left: thrown.detail };
  }
}

async function placeOf(
  { api, context }: AdoptingApi,
  offset: ConnectorOffset,
): Promise<TableAdoption> {
  const { table, initSync, startKey, startMs } = offset;
  const { arn, tableId } = streamOf(await api.describeTable(table));
  const leases = await readLeases(api, `${LEASE_TABLE_PREFIX}${table}`);
  if (leases === null || leases.size === 0)
    return {
      left: `${LEASE_TABLE_PREFIX}${table} has no leases, so nobody knows what was read of its stream`,
    };
  if (initSync === "RUNNING" && startKey === null)
    return { left: "its INIT_SYNC has not read anything yet" };
  const { shards } = await new ShardLists(api, arn, new ServiceClock(context.clock)).whole();
  const places = placesOf(shards, leases);
  const left = foreignStream({ arn, shards, leases }, startMs) ?? lostShard(shards, places);
  if (left !== null) return { left };
  const times: number[] = [];
  for (const [shard, place] of Object.entries(places)) {
    const timeMs = await readToMs(api, arn, { shard, place });
    if (timeMs !== null) times.push(timeMs);
  }
  const timeMs = times.length === 0 ? context.clock.now() : Math.min(...times);
  const all = Object.values(places);
  const read = all.filter((place) => place === END).length;
  const unread = all.filter((place) => place === BEGIN).length;
  return {
    offset,
    position: toPosition({ shards: places, timeMs, done: 0, arn, tableId }),
    scanFrom: initSync === "RUNNING" ? chunkKey({ segment: 0, of: 1, key: startKey }) : null,
    shards: { read, midway: all.length - read - unread, unread },
    readToMs: timeMs,
  };
}

interface ReadStream {
  readonly arn: string;
  readonly shards: readonly ShardDescription[];
  readonly leases: Leases;
}

/**
 * Why the stream may be another one than the connector has read, whose leases do not say which: what was written between the two is in
 * neither. A false alarm costs a load.
 */
function foreignStream({ arn, shards, leases }: ReadStream, startMs: number): string | null {
  if (madeMs(arn) > startMs)
    return `its stream was made at ${labelOf(arn)}, behind the begin of its INIT_SYNC: what came before is in no stream`;
  const stranger = strangerTo(shards, leases);
  if (stranger === null) return null;
  return `no lease is about shard ${stranger}: its stream is another one, or what came before is gone unread`;
}

function lostShard(
  shards: readonly ShardDescription[],
  places: Readonly<Record<string, string>>,
): string | null {
  const gone = Object.keys(places).find((id) => !shards.some((shard) => shard.id === id));
  if (gone === undefined) return null;
  return `shard ${gone} is gone, and its lease says that it was not read to its end`;
}

/** When a stream was made, milliseconds since 1970; NaN, which is later than nothing, where its label is no time (a stand-in's). */
function madeMs(arn: string): number {
  return Date.parse(`${labelOf(arn)}Z`);
}
