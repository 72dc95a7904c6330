import type { Position } from "../../model/position.ts";
import {
  boundary,
  compareGroups,
  comparePositions,
  type LogGroup,
  type LogPosition,
  logPosition,
  ordinal,
  Slot,
} from "./position.ts";

/**
 * Places for what is told at boundaries of the log, between its groups. Each has a position of its own, also where an
 * earlier run has told others there.
 */
export class BoundaryPlaces {
  /** The boundary at which something was told last, and how much. */
  #told: { readonly group: LogGroup; readonly count: number };
  /** The last of what was told or is durable where the log begins. */
  readonly #durable: LogPosition;

  /** Of a log that begins at `from`, behind which all this is durable. */
  constructor(from: LogPosition, ahead: readonly Position[]) {
    const [group, event, row] = from;
    this.#told = { group, count: event === 0 ? Math.floor(row / ordinal(1, 0)) : 0 };
    this.#durable =
      [from, ...ahead.map(logPosition)].toSorted(comparePositions).at(-1) ?? boundary(group);
  }

  /** Whether what is told here is told to all lanes: they pass over what comes before their checkpoints. */
  isBehindAll(group: LogGroup): boolean {
    return comparePositions(placeAt(group, this.#nextCount(group)), this.#durable) > 0;
  }

  /** The next one at this boundary. */
  take(group: LogGroup): LogPosition {
    const count = this.#nextCount(group);
    this.#told = { group, count };
    return placeAt(group, count);
  }

  #nextCount(group: LogGroup): number {
    const { group: last, count } = this.#told;
    return compareGroups(last, group) === 0 ? count + 1 : 1;
  }
}

function placeAt(group: LogGroup, count: number): LogPosition {
  return [group, 0, ordinal(count, Slot.SHAPE)];
}
