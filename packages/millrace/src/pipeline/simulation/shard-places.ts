import type { Position } from "../../model/position.ts";

/** A change's place: its shard, whose name begins with its parent's, and its number there, from 1 on. */
export type ShardPlace = readonly [shard: string, n: number];

/** How far each shard was read; those that are over and read to their end say so, until they are let go of. */
export type ShardStanding = {
  readonly shards: { readonly [shard: string]: number | "end" };
  /** Everything that was committed before was read. */
  readonly at: number;
};

/** Reads a place that came back from the pipeline or its state. */
export function shardPlace(position: Position): ShardPlace | ShardStanding {
  if (Array.isArray(position)) {
    const [shard, n]: readonly unknown[] = position;
    if (typeof shard === "string" && typeof n === "number") return [shard, n];
  } else if (typeof position === "object" && position !== null && "shards" in position) {
    const { shards, at } = position;
    if (typeof shards === "object" && shards !== null && typeof at === "number")
      return { shards: shards as ShardStanding["shards"], at };
  }
  throw new Error(`not a place of shards: ${JSON.stringify(position)}`);
}

/** @throws Error for a change's place. */
export function shardStanding(position: Position): ShardStanding {
  const place = shardPlace(position);
  if ("shards" in place) return place;
  throw new Error(`not a standing: ${JSON.stringify(position)}`);
}

/** Not negative where the standing has all of the place; zero where both are the same standing. */
export function compareShardPlaces(standing: Position, position: Position): number {
  const have = shardStanding(standing);
  const place = shardPlace(position);
  if (!("shards" in place)) return hasOf(have, place[0], place[1]) ? 1 : -1;
  const wanted = Object.entries(place.shards);
  if (have.at < place.at || wanted.some(([shard, n]) => !hasOf(have, shard, n))) return -1;
  const isSame =
    have.at === place.at &&
    wanted.length === Object.keys(have.shards).length &&
    wanted.every(([shard, n]) => have.shards[shard] === n);
  return isSame ? 0 : 1;
}

/** A child is read behind its parent's last record: who has any of it has all of the parent. */
function hasOf({ shards }: ShardStanding, shard: string, n: number | "end"): boolean {
  const known = shards[shard];
  if (known === "end" || (known !== undefined && n !== "end" && known >= n)) return true;
  return Object.keys(shards).some((other) => other.startsWith(`${shard}.`));
}

/** The least standing that has all of these. */
export function joinShardPlaces(standing: Position, positions: readonly Position[]): ShardStanding {
  const before = shardStanding(standing);
  const shards = { ...before.shards };
  let { at } = before;
  const reach = (shard: string, n: number | "end") => {
    const known = shards[shard];
    if (known === undefined || n === "end" || (known !== "end" && known < n)) shards[shard] = n;
  };
  for (const place of positions.map(shardPlace)) {
    if (!("shards" in place)) reach(...place);
    else {
      at = Math.max(at, place.at);
      for (const [shard, n] of Object.entries(place.shards)) reach(shard, n);
    }
  }
  return { shards, at };
}
