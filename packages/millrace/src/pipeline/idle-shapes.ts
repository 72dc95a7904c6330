import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import { diffShapes, isSame } from "../schema/shape-diff.ts";
import type { TableLoads } from "./table-loads.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface IdleShapesParts {
  readonly source: Pick<Source, "logEnd" | "comparePositions" | "nudge">;
  readonly loads: Pick<TableLoads, "adopt">;
  /** What is durable of the log. */
  readonly durable: () => Position;
}

/** A shape that the catalogue has and the table has not; the log's end after it was found, once that was asked. */
interface Ahead {
  readonly shape: TableShape;
  readonly end: Position | null;
}

/**
 * Schema changes that no row has followed: a log tells of them with the next row of the table, that may never come. The
 * catalogue's shape counts once the log has been followed to where it stood after the look: what the log would tell by
 * itself, in order with the rows, it has told by then.
 */
export class IdleShapes {
  readonly #parts: IdleShapesParts;
  readonly #ahead = new Map<TableRuntime, Ahead>();

  constructor(parts: IdleShapesParts) {
    this.#parts = parts;
  }

  /** No table is known to differ from its catalogue. */
  get settled(): boolean {
    return this.#ahead.size === 0;
  }

  /** Something can be met now. */
  get isDue(): boolean {
    return [...this.#ahead.values()].some((ahead) => this.#isPassed(ahead));
  }

  /** A look at the catalogue; `shape` is null where it has not changed since the one before. */
  see(table: TableRuntime, shape: TableShape | null): void {
    if (shape === null) return;
    if (differs(table, shape)) this.#ahead.set(table, { shape, end: null });
    else this.#ahead.delete(table);
  }

  /** After the looks: what they saw is in the log before its end now, which may be known. */
  async look(known: Position | null = null): Promise<void> {
    const found = [...this.#ahead].filter(([, { end }]) => end === null);
    if (found.length === 0) return;
    const end = known ?? (await this.#parts.source.logEnd());
    for (const [table, { shape }] of found) this.#ahead.set(table, { shape, end });
    void this.#parts.source.nudge();
  }

  /** Adopts what the log has not told of. */
  async meet(): Promise<void> {
    for (const [table, ahead] of this.#ahead) {
      if (!this.#isPassed(ahead)) continue;
      if (differs(table, ahead.shape)) await this.#parts.loads.adopt(table);
      this.#ahead.delete(table);
    }
  }

  #isPassed({ end }: Ahead): boolean {
    const { source, durable } = this.#parts;
    return end !== null && source.comparePositions(durable(), end) >= 0;
  }
}

function differs(table: TableRuntime, shape: TableShape): boolean {
  const isThis = table.shape.identity === shape.identity;
  return isThis && !isSame(diffShapes(table.shape, shape));
}
