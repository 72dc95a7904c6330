import type { DynamoApi, Item, ShardDescription } from "./api.ts";
import { serviceCode } from "./errors.ts";
import { openedMs } from "./shard-id.ts";
import { BEGIN, END } from "./sequence.ts";

/** Of the lease tables that Trustpilot's connector makes. */
export const LEASE_TABLE_PREFIX = "datalake-KCL-";

/** How far the connector has read each shard: a sequence number, {@link BEGIN} or {@link END}. */
export type Leases = ReadonlyMap<string, string>;

/** A page of a shard may be empty though there is more. */
const MOST_EMPTY_PAGES = 100;

/** Reads a lease table of the Kinesis Client Library; null where there is none. */
export async function readLeases(
  api: Pick<DynamoApi, "scan">,
  leaseTable: string,
  signal?: AbortSignal,
): Promise<Leases | null> {
  const leases = new Map<string, string>();
  let startKey: Item | null = null;
  const request = { table: leaseTable, segment: 0, segments: 1, consistent: true };
  try {
    do {
      const page: Awaited<ReturnType<DynamoApi["scan"]>> = await api.scan(
        { ...request, startKey },
        signal,
      );
      for (const item of page.items) addLease(leases, item);
      startKey = page.lastKey;
    } while (startKey !== null);
  } catch (thrown) {
    if (serviceCode(thrown) === "ResourceNotFoundException") return null;
    throw thrown;
  }
  return leases;
}

function addLease(leases: Map<string, string>, { leaseKey, checkpoint }: Item): void {
  if (leaseKey === undefined || checkpoint === undefined) return;
  if (!("S" in leaseKey) || !("S" in checkpoint)) return;
  leases.set(leaseKey.S, placeOf(checkpoint.S));
}

/** A checkpoint is a number, or a word of KCL's: the connector begins shards at TRIM_HORIZON only. */
function placeOf(checkpoint: string): string {
  if (checkpoint === "SHARD_END") return END;
  return /^\d+$/.test(checkpoint) ? checkpoint : BEGIN;
}

/**
 * Pure: how far each shard is read that the stream has or that a lease speaks of. A shard without a lease whose children have
 * one was read to its end: KCL forgets leases of finished shards, and begins children behind their parents.
 */
export function placesOf(
  shards: readonly ShardDescription[],
  leases: Leases,
): Readonly<Record<string, string>> {
  const parents = new Map(shards.map(({ id, parent }) => [id, parent]));
  const passed = passedBy(parents, leases);
  const places: Record<string, string> = {};
  for (const { id } of shards) places[id] = leases.get(id) ?? (passed.has(id) ? END : BEGIN);
  // One that the stream has no more and that was not read to its end is a loss, which whoever starts is told.
  for (const [id, place] of leases) if (!parents.has(id) && place !== END) places[id] = place;
  return places;
}

/**
 * Pure: a shard of the stream that no lease is about: nothing of its family has one, as far as it is listed. The leases are of another stream
 * then (it was switched off and on again, or the table made anew), or what came before the shard is gone unread.
 */
export function strangerTo(shards: readonly ShardDescription[], leases: Leases): string | null {
  const parents = new Map(shards.map(({ id, parent }) => [id, parent]));
  const passed = passedBy(parents, leases);
  const isKin = (id: string): boolean => {
    for (let at: string | null = id; at !== null; at = parents.get(at) ?? null)
      if (leases.has(at) || passed.has(at)) return true;
    return false;
  };
  return shards.find(({ id }) => !isKin(id))?.id ?? null;
}

/** Shards that have a lease somewhere behind them. */
function passedBy(parents: ReadonlyMap<string, string | null>, leases: Leases): Set<string> {
  const passed = new Set<string>();
  for (const id of leases.keys())
    for (let at = parents.get(id) ?? null; at !== null && !passed.has(at);) {
      passed.add(at);
      at = parents.get(at) ?? null;
    }
  return passed;
}

/** When a shard was read last, as far as its place tells, milliseconds since 1970; null of one that is read to its end. */
export async function readToMs(
  api: Pick<DynamoApi, "shardIterator" | "records">,
  stream: string,
  { shard, place }: { readonly shard: string; readonly place: string },
): Promise<number | null> {
  if (place === END) return null;
  const opened = openedMs(shard);
  if (place === BEGIN) return Number.isFinite(opened) ? opened : 0;
  const at = { at: "AT_SEQUENCE_NUMBER", sequence: place } as const;
  let iterator: string | null = await api.shardIterator(stream, shard, at);
  for (let pages = 0; iterator !== null && pages < MOST_EMPTY_PAGES; pages++) {
    const page: Awaited<ReturnType<DynamoApi["records"]>> = await api.records(iterator, {
      limit: 1,
    });
    const [record] = page.records;
    if (record !== undefined) return record.timeMs;
    iterator = page.next;
  }
  return 0;
}
