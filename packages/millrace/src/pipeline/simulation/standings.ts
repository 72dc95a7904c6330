import type { Position } from "../../model/position.ts";
import { stateKey } from "../state-documents.ts";
import type { SinkTransaction } from "./sink-database.ts";
import { compareModelPositions } from "./source-server.ts";
import { Violation } from "./violation.ts";

const CHECKPOINT = "state/checkpoint/";

/** Where lanes and frontier stand in the log. They only move on: what lies behind would be applied once more (I3). */
export class Standings {
  readonly #at = new Map<string, Position>();

  /** A transaction of the sink became durable. */
  landed({ writes }: SinkTransaction): void {
    for (const [key, value] of writes) {
      const position = positionIn(key, value);
      if (position !== undefined) this.#move(key, position);
    }
  }

  #move(key: string, position: Position | null): void {
    const before = this.#at.get(key);
    // A log that begins anew forgets them, and so does a lane that is there no more.
    if (position === null) return void this.#at.delete(key);
    if (before !== undefined && compareModelPositions(position, before) < 0)
      throw new Violation(`${key} goes back from ${String(before)} to ${String(position)}`);
    this.#at.set(key, position);
  }
}

/** Undefined where the key tells of no position; null where it is taken away. */
function positionIn(key: string, value: unknown): Position | null | undefined {
  if (key.startsWith(CHECKPOINT)) return (value as Position | undefined) ?? null;
  if (key !== `state/${stateKey.frontier}`) return undefined;
  return (value as { readonly position: Position } | undefined)?.position ?? null;
}
