import assert from "node:assert/strict";
import type { Change, LogBatch, LogItem } from "../model/change.ts";
import { Change as ChangeClass } from "../model/change.ts";
import { systemClock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { Source, SourceLog } from "../model/source.ts";
import type { TableId, TableShape } from "../model/table.ts";
import { freshName, kitContext } from "./sink-kit.ts";
import type { KitRow, KitTransaction, SourceKit } from "./source-kit.ts";

/** What the log gave, up to some position. */
export interface LogReading {
  readonly batches: readonly LogBatch[];
  readonly items: readonly LogItem[];
  readonly changes: readonly Change[];
}

/** What a case of the source kit works with; everything is its own and removed afterwards. */
export class SourceBench {
  readonly kit: SourceKit;
  readonly pipeline: string;
  readonly table: string;
  readonly source: Source;
  readonly shapes: ReadonlyMap<TableId, TableShape>;
  /** Where the log began. */
  readonly start: Position;

  constructor(
    kit: SourceKit,
    names: { pipeline: string; table: string },
    source: Source,
    prepared: { shapes: readonly TableShape[]; start: Position },
  ) {
    this.kit = kit;
    this.pipeline = names.pipeline;
    this.table = names.table;
    this.source = source;
    this.shapes = new Map(prepared.shapes.map((shape) => [shape.id, shape]));
    this.start = prepared.start;
  }

  /** The shape of the kit's table. */
  get shape(): TableShape {
    const [shape] = this.shapes.values();
    assert.ok(shape !== undefined);
    return shape;
  }

  /** One committed transaction. */
  async write(run: (transaction: KitTransaction) => Promise<void>): Promise<void> {
    const transaction = await this.kit.begin();
    await run(transaction);
    await transaction.commit();
  }

  /** One committed transaction of inserts. */
  insert(...rows: readonly KitRow[]): Promise<void> {
    return this.write((transaction) => transaction.insert(this.table, rows));
  }

  openLog(from: Position | null, maxValueBytes = 1 << 20): Promise<SourceLog> {
    return this.source.openLog({ from, tables: this.shapes, maxValueBytes });
  }

  /** Reads the log from a position to its present end, on a log of its own. */
  async read(from: Position | null = null, maxValueBytes?: number): Promise<LogReading> {
    const end = await this.source.logEnd();
    await this.source.nudge();
    const log = await this.openLog(from, maxValueBytes);
    const batches: LogBatch[] = [];
    // Where nothing is written, a log that begins at its end may say nothing for long.
    const isAtEnd = from !== null && this.source.comparePositions(from, end) >= 0;
    try {
      for (;;) {
        const batch = isAtEnd ? await soon(log.next()) : await log.next();
        if (batch === null) break;
        batches.push(batch);
        if (this.source.comparePositions(batch.position, end) >= 0) break;
      }
    } finally {
      await log.close();
    }
    const items = batches.flatMap((batch) => batch.items);
    return { batches, items, changes: items.filter((item) => item instanceof ChangeClass) };
  }

  /** Value of a column of the kit's table in a row of a change; an integer may come as number or as text. */
  valueOf(values: Change["after"], column: string): unknown {
    const at = this.shape.columns.findIndex(({ name }) => name === column);
    const value = values?.[at];
    return typeof value === "number" ? String(value) : value;
  }
}

/** Long enough for what the server would send at once, milliseconds. */
const SOON_MS = 300;

/** Null where it takes longer. */
async function soon(batch: Promise<LogBatch>): Promise<LogBatch | null> {
  batch.catch(() => undefined); // the log is closed while it waits
  const late = new AbortController();
  const { signal } = late;
  const nothing = systemClock.sleep(SOON_MS, signal).then(() => null);
  try {
    return await Promise.race([batch, nothing]);
  } finally {
    late.abort();
    await nothing.catch(() => undefined);
  }
}

/** A behaviour and what tries it. */
export type SourceCase = readonly [name: string, run: (bench: SourceBench) => Promise<void>];

/** Runs a case on a table and a pipeline of its own. */
export async function onSourceBench(
  kit: SourceKit,
  run: (bench: SourceBench) => Promise<void>,
): Promise<void> {
  const pipeline = freshName("kit");
  const table = freshName("kit_table");
  await kit.makeTable(table);
  const source = kit.makeSource(kitContext(pipeline), [table]);
  try {
    const shapes = (await source.discover()).map(({ shape }) => shape);
    assert.deepEqual(
      shapes.map(({ name }) => name),
      [table],
    );
    const { start } = await source.prepare(shapes, null);
    await run(new SourceBench(kit, { pipeline, table }, source, { shapes, start }));
  } finally {
    await source.close();
    await kit.cleanUp(pipeline, [table]);
  }
}

/** A row with an id and a short value. */
export function row(
  id: number,
  v: string | null = `value ${id}`,
  large: string | null = null,
): KitRow {
  return { id, v, large };
}
