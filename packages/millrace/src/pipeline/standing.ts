import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { RowItem } from "./lane-item.ts";

/** What orders and joins positions of a log (design/008). */
export type PlaceOrder = Pick<Source, "comparePositions" | "join">;

/** The least standing that has both; of a single log the later one. */
export function joined(source: PlaceOrder, standing: Position | null, place: Position): Position {
  if (standing === null) return place;
  if (source.comparePositions(standing, place) >= 0) return standing;
  return source.join?.(standing, [place]) ?? place;
}

/** Where frontier and lanes stand. */
export interface Reach {
  readonly frontier: Position;
  /** By lane. */
  readonly lanes: readonly Position[];
}

/** The same once everything up to `place` is durable, as behind a barrier. */
export function reachWith(
  source: PlaceOrder,
  now: { readonly frontier: Position | null; readonly lanes: readonly (Position | null)[] },
  place: Position,
): Reach {
  const { frontier } = now;
  return {
    frontier: joined(source, frontier, place),
    lanes: now.lanes.map((lane) => joined(source, lane ?? frontier, place)),
  };
}

/**
 * Where a lane stands in the log: everything up to there that is its own is durable. Of a single log that is its last
 * change. Of a log of several shards it is a standing, and begins anew at each mark that has all of it: so it has no more
 * shards than the source tells of, and lanes that stand at one mark share its object.
 */
export class LaneStanding {
  /** The checkpoint as the run found it; replayed changes that it has are never applied again. */
  readonly found: Position | null;
  readonly #source: PlaceOrder;
  #at: Position | null;

  /** `frontier` is where the run begins: what lies before it is durable in every lane. */
  constructor(source: PlaceOrder, found: Position | null, frontier: Position) {
    this.found = found;
    this.#source = source;
    this.#at = source.join === undefined ? found : joined(source, frontier, found ?? frontier);
  }

  get at(): Position | null {
    return this.#at;
  }

  /** The checkpoint that becomes durable with these rows; null where none is of the log. */
  with(rows: readonly RowItem[]): Position | null {
    if (this.#source.join === undefined || this.#at === null) return lastOf(rows);
    const places: Position[] = [];
    for (const { position } of rows) if (position !== null) places.push(position);
    return places.length === 0 ? null : this.#source.join(this.#at, places);
  }

  /** The same with a change that it makes together with other lanes. */
  withMeeting(place: Position): Position {
    return this.#source.join === undefined ? place : joined(this.#source, this.#at, place);
  }

  /** That checkpoint is durable. */
  reached(checkpoint: Position): void {
    this.#at = checkpoint;
  }

  /** Everything before a mark is durable in the lane, whatever it had of it. */
  passed(mark: Position): void {
    const { join } = this.#source;
    if (join === undefined || this.#at === mark) return;
    this.#at =
      this.#at === null || this.#source.comparePositions(mark, this.#at) >= 0
        ? mark
        : (this.#source.join?.(this.#at, [mark]) ?? mark);
  }
}

function lastOf(rows: readonly RowItem[]): Position | null {
  for (let i = rows.length - 1; i >= 0; i--) {
    const position = rows[i]?.position;
    if (position !== null && position !== undefined) return position;
  }
  return null;
}
