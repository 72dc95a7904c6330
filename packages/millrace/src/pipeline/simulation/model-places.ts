import type { Position } from "../../model/position.ts";
import type { TableId } from "../../model/table.ts";
import { foldTo } from "./expectation.ts";
import { compareShardPlaces, joinShardPlaces, shardStanding } from "./shard-places.ts";
import type { ShardStream } from "./shard-stream.ts";
import {
  compareModelPositions,
  modelPosition,
  type ModelPosition,
  type SourceServer,
} from "./source-server.ts";
import { applyTo, type StoredTable } from "./source-tables.ts";

type Tables = ReadonlyMap<TableId, StoredTable>;

/** What the checks know of places in the model's log, of whichever kind it is. */
export interface ModelPlaces {
  /** Not negative where the standing has all of the place. */
  compare(standing: Position, place: Position): number;
  /** The least standing that has both. */
  later(one: Position, other: Position): Position;
  /** The source's tables as the log says they are there, or at its end. */
  fold(standing: Position | null, base: Tables, from: ModelPosition | null): Tables;
  /** All of the log is there. */
  isEnd(standing: Position): boolean;
}

/** One log in one order. */
export function logPlaces(server: SourceServer): ModelPlaces {
  return {
    compare: compareModelPositions,
    later: (one, other) => (compareModelPositions(one, other) >= 0 ? one : other),
    fold: (standing, base, from) =>
      foldTo(server, standing === null ? null : modelPosition(standing), base, from),
    isEnd: (standing) => modelPosition(standing)[0] >= (server.log.at(-1)?.end ?? 0),
  };
}

/** A stream of shards: the events that a standing has, in the order in which they were committed. */
export function shardPlaces(stream: ShardStream): ModelPlaces {
  const has = (standing: Position, commit: number, place: Position): boolean =>
    commit < shardStanding(standing).at || compareShardPlaces(standing, place) >= 0;
  const events = () =>
    stream.server.log.flatMap(({ commit, events: all }) =>
      all.map((event) => ({ commit, op: event.op, place: stream.placeOf(event) })),
    );
  return {
    compare: compareShardPlaces,
    later: (one, other) => joinShardPlaces(one, [other]),
    fold(standing, base) {
      const tables = new Map(base);
      for (const { commit, op, place } of events())
        if (standing === null || has(standing, commit, place)) applyTo(tables, op);
      return tables;
    },
    isEnd: (standing) => events().every(({ commit, place }) => has(standing, commit, place)),
  };
}
