import type { Position } from "../../model/position.ts";
import { stateKey } from "../state-documents.ts";
import type { ModelPlaces } from "./model-places.ts";
import type { SinkTransaction } from "./sink-database.ts";
import { Violation } from "./violation.ts";

const CHECKPOINT = "state/checkpoint/";
const FRONTIER = `state/${stateKey.frontier}`;

/**
 * Where lanes and frontier stand in the log. They only move on: what lies behind would be applied once more (I3). But
 * where all lanes have a checkpoint that is further, as behind a barrier, the frontier row may be a word late.
 */
export class Standings {
  readonly #at = new Map<string, Position>();
  readonly #lanes = new Set<string>();
  readonly #places: Pick<ModelPlaces, "compare">;

  constructor(places: Pick<ModelPlaces, "compare">) {
    this.#places = places;
  }

  /** A transaction of the sink became durable. */
  landed({ writes }: SinkTransaction): void {
    for (const [key, value] of writes) {
      if (key.startsWith("lane/")) this.#lanes.add(key.slice("lane/".length));
      const position = positionIn(key, value);
      if (position !== undefined) this.#move(key, position);
    }
  }

  #move(key: string, position: Position | null): void {
    const before = this.#at.get(key);
    // A log that begins anew forgets them, and so does a lane that is there no more.
    if (position === null) return void this.#at.delete(key);
    if (before !== undefined && this.#places.compare(position, before) < 0)
      if (key !== FRONTIER || !this.#isHeldByLanes(before))
        throw new Violation(
          `${key} goes back from ${JSON.stringify(before)} to ${JSON.stringify(position)}`,
        );
    this.#at.set(key, position);
  }

  #isHeldByLanes(position: Position): boolean {
    return [...this.#lanes].every((lane) => {
      const checkpoint = this.#at.get(`${CHECKPOINT}log/${lane}`);
      return checkpoint !== undefined && this.#places.compare(checkpoint, position) >= 0;
    });
  }
}

/** Undefined where the key tells of no position; null where it is taken away. */
function positionIn(key: string, value: unknown): Position | null | undefined {
  if (key.startsWith(CHECKPOINT)) return (value as Position | undefined) ?? null;
  if (key !== FRONTIER) return undefined;
  return (value as { readonly position: Position } | undefined)?.position ?? null;
}
