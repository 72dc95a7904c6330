import type { TableId, TableShape } from "../../model/table.ts";
import type { TableMoment } from "./catalogue-moment.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { isSameKept, keptShape, placed, sinceOf } from "./kept-shape.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";

/**
 * Shapes of the catalogue with the places of a new log from which on they hold: read before the log begins, so that none
 * of its first rows has to be left out for not knowing how they are written.
 */
export class FirstShapes {
  static readonly NONE = new FirstShapes(new Map());
  readonly #moments: ReadonlyMap<TableId, TableMoment>;
  #shapes: ReadonlyMap<TableId, MysqlShape> = new Map();

  constructor(moments: ReadonlyMap<TableId, TableMoment>) {
    this.#moments = moments;
  }

  /** From here on the shapes of most of them are known; null where there are none. */
  get start(): LogOffset | null {
    const ends = [...this.#moments.values()].map(({ end }) => end);
    return ends.toSorted(compareOffsets)[0] ?? null;
  }

  /** The log began there, in this era. */
  begin({ file, at }: LogOffset, era: number): void {
    const shapes = new Map<TableId, MysqlShape>();
    for (const [id, { shape, end }] of this.#moments) {
      if (shape === null) continue;
      const isFirst = end.file === file && end.at === at;
      shapes.set(id, placed(shape, { ...end, era, n: isFirst ? 0 : null, hash: null }, 0));
    }
    this.#shapes = shapes;
  }

  /** The table's shape with its place in the log, where that is this one. */
  placed(shape: TableShape): TableShape {
    const kept = keptShape(shape);
    const first = this.#shapes.get(shape.id);
    if (kept === null || first === undefined || sinceOf(kept) !== null) return shape;
    return isSameKept(kept, first) ? first : shape;
  }
}
