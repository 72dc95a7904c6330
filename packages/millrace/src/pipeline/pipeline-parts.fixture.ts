import { Change, UnsureChange, type Op, type Transaction } from "../model/change.ts";
import { LoggedChange } from "../model/logged-change.ts";
import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { ImageLayout } from "../model/row-image.ts";
import type { Router } from "../model/router.ts";
import { type LineText, RowLine } from "../model/row-line.ts";
import type { Column, TableShape, TargetTable } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { RowItem, type RowWrite } from "./lane-item.ts";
import { compileRoutes, type RouteTarget } from "./routes.ts";
import type { TaskSettings } from "./settings.ts";
import { LaneStanding, type Reach } from "./standing.ts";
import type { TableDocument } from "./state-documents.ts";
import { TableRuntime } from "./table-runtime.ts";

/** Parts that the tests of this room make their cases of. */
const TEXT = { kind: "text", maxChars: null } as const;

/** A text column; `ordinal` is what stays when it is renamed. */
export function columnOf(name: string, ordinal: number | null, sourceType = "text"): Column {
  return { name, type: TEXT, sourceType, nullable: true, ordinal };
}

/** `shop.orders` with columns `id`, `v`, `big`, unless told otherwise. */
export function shapeOf(
  columns: readonly Column[] = COLUMNS,
  key: readonly number[] = [0],
): TableShape {
  return {
    id: tableId("shop", "orders"),
    schema: "shop",
    name: "orders",
    identity: "1",
    columns,
    key,
  };
}

const COLUMNS = [columnOf("id", 1), columnOf("v", 2), columnOf("big", 3)];

/** The same columns while it is not proven that the log's last one is that. */
export function doubted(shape: TableShape): TableShape {
  const columns = shape.columns.map((c, i) =>
    i === shape.columns.length - 1 ? { ...c, unproven: true } : c,
  );
  return { ...shape, columns };
}

/** The target of a shape, mapped as a sink would. */
export function targetOf(shape: TableShape): TargetTable {
  const keyless = shape.key.length === 0;
  const columns = shape.columns.map((c) => ({
    name: c.name,
    type: c.sourceType,
    logical: c.type,
    nullable: true,
  }));
  const own = { name: "_millrace_key", type: "text", logical: TEXT, nullable: false };
  return {
    id: tableId("copy", shape.name),
    schema: "copy",
    name: shape.name,
    columns: keyless ? [own, ...columns] : columns,
    key: keyless ? [0] : shape.key,
    keyless,
  };
}

/** Every table under its own name. */
export const plainRouter: Router = {
  plan: (shape) => [{ target: { schema: "copy", name: shape.name }, shape, project: null }],
};

/** A fresh document of a table. */
export function documentOf(shape: TableShape, part: Partial<TableDocument> = {}): TableDocument {
  return {
    v: 1,
    state: "SYNC",
    generation: 1_700_000_000_000,
    shape,
    targetShape: shape,
    planned: null,
    allPlanned: true,
    nextChunk: 0,
    rowsLoaded: 0,
    estimatedRows: null,
    end: null,
    sweep: "none",
    snapshot: null,
    targets: [targetOf(shape).id],
    aheadOfLog: false,
    ...part,
  };
}

/** A captured table. */
export function tableOf(
  shape: TableShape = shapeOf(),
  part: Partial<TableDocument> = {},
): TableRuntime {
  const targets: RouteTarget[] = [{ target: targetOf(shape), from: shape }];
  return new TableRuntime(documentOf(shape, part), targets, (from, to, unlogged) =>
    compileRoutes(from, to, plainRouter, unlogged),
  );
}

/** A captured table that goes to two targets. */
export function forkedTableOf(
  shape: TableShape = shapeOf(),
  part: Partial<TableDocument> = {},
): TableRuntime {
  const names = [shape.name, `${shape.name}_too`];
  const targets = names.map((name) => ({ target: targetOf({ ...shape, name }), from: shape }));
  const plan = (from: TableShape) =>
    names.map((name) => ({ target: { schema: "copy", name }, shape: from, project: null }));
  return new TableRuntime(documentOf(shape, part), targets, (from, to, unlogged) =>
    compileRoutes(from, to, { plan }, unlogged),
  );
}

/** What a plain file says, with two lanes. */
export function settingsOf(part: Partial<TaskSettings> = {}): TaskSettings {
  return {
    parallelism: 2,
    schemaChangeBehavior: "evolve",
    dropTables: false,
    create: "if-missing",
    sharedTargets: false,
    compaction: true,
    batchRows: 100,
    flushIntervalMs: 0,
    chunkRows: 100,
    snapshotParallelism: 1,
    maxRowsPerSecond: null,
    maxBytesPerSecond: null,
    loadGivesWay: true,
    maxRetainedBytes: null,
    maxRetainedAction: "warn",
    fullLoad: true,
    onLoss: "fail",
    deadLetters: "park",
    maxDeadLetters: 100,
    maxDeadLetterShare: 1,
    ...part,
  };
}

/** Where a lane stands in a log whose positions are numbers. */
export function standingOf(found: Position | null = null): LaneStanding {
  const order = { comparePositions: (a: Position, b: Position) => Number(a) - Number(b) };
  return new LaneStanding(order, found, 0);
}

/** What a barrier at a position comes to there. */
export function reachOf(lanes: number) {
  return (position: Position): Reach => ({
    frontier: position,
    lanes: Array.from({ length: lanes }, () => position),
  });
}

/** A transaction of the source. */
export function transactionOf(id: string): Transaction {
  return { id, commitTimeMs: 1_700_000_000_000 };
}

/** A change at a position. */
export function changeOf(
  op: Op,
  rows: { before?: Row; after?: Row },
  position: Position | null,
  options: {
    shape?: TableShape;
    movedFrom?: Position;
    transaction?: Transaction;
    bytes?: number;
    unsure?: boolean;
  } = {},
): Change {
  const {
    shape = shapeOf(),
    movedFrom = null,
    transaction = null,
    bytes = 10,
    unsure = false,
  } = options;
  return new (unsure ? UnsureChange : Change)(
    op,
    shape,
    rows.before ?? null,
    rows.after ?? null,
    position,
    movedFrom,
    transaction,
    bytes,
  );
}

/** An item of a lane: what `write` does to `row` of the table's first target. */
export function itemOf(
  table: TableRuntime,
  write: RowWrite,
  row: Row,
  position: Position | null,
  op: Op = "u",
  shape: TableShape = table.shape,
): RowItem {
  const [route] = table.routesFor(shape);
  if (route === undefined) throw new Error("the table has no route");
  const rows = write === "remove" ? { before: row } : { after: row };
  const change = changeOf(write === "remove" ? "d" : op, rows, position, { shape });
  const key = table.keyless ? "" : String(row[0]);
  return new RowItem(write, table, route, key, row, position, change, 10);
}

/** A row of a chunk as its source wrote it; `told` is called when somebody wants its values. */
export function lineOf(
  row: Row,
  shape = shapeOf(),
  told: () => void = () => undefined,
  bytes = 10,
): RowLine {
  const buffer = Buffer.from(`${row.map(String).join("\t")}\n`);
  const text: LineText = {
    buffer,
    read: () => {
      told();
      return changeOf("r", { after: row }, null, { shape, bytes });
    },
    value: (_start, _end, column) => row[column] ?? null,
  };
  return new RowLine(text, 0, buffer.length, String(row[0]), bytes);
}

/** Time that only sleeping moves: every sleep is over at once. */
export function instantClock(): Clock & { readonly sleptMs: number[] } {
  const sleptMs: number[] = [];
  const now = () => sleptMs.reduce((sum, ms) => sum + ms, 1_700_000_000_000);
  return {
    sleptMs,
    now,
    monotonic: now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleptMs.push(ms);
      await Promise.resolve();
      signal?.throwIfAborted();
    },
  };
}

/** A change whose rows are bytes: a number in a row's place stands for each of these. */
export function loggedOf(
  op: "c" | "u" | "d",
  shape: TableShape,
  { before, after }: { readonly before: Row | null; readonly after: Row | null },
  position: number,
  told: () => void = () => undefined,
): LoggedChange {
  const rows = [before, after];
  const layout: ImageLayout = {
    shape,
    kinds: new Uint8Array(shape.columns.length),
    scales: new Uint8Array(shape.columns.length),
    find: (_images, start, starts, ends) => {
      told();
      starts.fill(start);
      ends.fill(start + 1);
    },
    value: (_images, column, start) => rows[start]?.[column] ?? null,
    write: () => {
      throw new Error("no text");
    },
    unscaled: () => Number.NaN,
  };
  const buffer = Buffer.alloc(2);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const [old, now] = [before === null ? -1 : 0, after === null ? -1 : 1];
  const key = String((after ?? before)?.[0]);
  const images = { layout, buffer, view };
  return new LoggedChange(op, key, images, old, now, position, transactionOf("1"), 10);
}
