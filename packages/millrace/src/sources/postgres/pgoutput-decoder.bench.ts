/**
 * Rows per second of the decoder and of the assembler, over a stream in memory as a server sends it (10 columns,
 * about 260 bytes per row): `node pgoutput-decoder.bench.ts [seconds] [--json]`.
 *
 * Measured 2026-11-21 on 2 cores that were busy with other work (load 5), Node 24.21: 3.1 to 4.7 million rows/s
 * decoded, 2.8 to 4.1 million to batches. Of the reading itself (`read-pace.ts`), PostgreSQL 18 on the same machine at
 * load 6 to 10, per 500,000 rows: eager 0.7 to 1.3 s of CPU and 25,000 to 60,000 reads, paced 0.7 to 0.9 s and 2,300.
 */
import { systemClock } from "../../model/ports.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { CapturedTables } from "./captured-tables.ts";
import { RowDecoder } from "./pgoutput-decoder.ts";
import * as sent from "./pgoutput-encoder.fixture.ts";
import { boundary } from "./position.ts";
import { rowPlan } from "./row-plan.ts";
import { Fed, TransactionAssembler } from "./transaction-assembler.ts";
import { TransactionIds } from "./transaction-id.ts";

const ROWS = 20_000;
const ROWS_PER_TRANSACTION = 1_000;
const OID = 16_384;
const XLOG_HEADER_BYTES = 25;

const TYPES: readonly LogicalType[] = [
  { kind: "int", bits: 64 },
  { kind: "int", bits: 32 },
  { kind: "int", bits: 32 },
  { kind: "decimal", precision: 12, scale: 2 },
  { kind: "text", maxChars: 40 },
  { kind: "text", maxChars: null },
  { kind: "boolean" },
  { kind: "timestamptz", precision: 6 },
  { kind: "uuid" },
  { kind: "jsonb" },
];

const SHAPE: TableShape = {
  id: tableId("public", "orders"),
  schema: "public",
  name: "orders",
  identity: String(OID),
  columns: TYPES.map((type, index) => ({
    name: `c${index}`,
    type,
    sourceType: type.kind,
    nullable: index > 0,
    ordinal: index + 1,
  })),
  key: [0],
};

function rowOf(n: number, text: string): string[] {
  return [
    String(1_000_000 + n),
    String(n % 1_000),
    String((n * 7) % 100_000),
    ((n % 100_000) / 100).toFixed(2),
    `customer ${n}`,
    `${text} ${n}`,
    n % 2 === 0 ? "t" : "f",
    "2026-11-21 10:00:00.123456+00",
    "550e8400-e29b-41d4-a716-446655440000",
    `{"a": ${n}, "b": "xyz", "tags": [1, 2, 3]}`,
  ];
}

/** CopyData bodies of whole transactions, back to back. */
function streamOf(text: string, update: boolean): Buffer[] {
  const columns = SHAPE.columns.map((column, index) => ({ name: column.name, isKey: index === 0 }));
  const bodies = [sent.xlogData(1, sent.relation({ oid: OID, name: "orders", columns }))];
  let lsn = 10_000;
  for (let n = 0; n < ROWS; n += 1) {
    const end = lsn + ROWS_PER_TRANSACTION * 300;
    if (n % ROWS_PER_TRANSACTION === 0) bodies.push(sent.xlogData(lsn, sent.begin(end, n)));
    const row = rowOf(n, text);
    lsn += 250;
    bodies.push(sent.xlogData(lsn, update ? sent.update(OID, row) : sent.insert(OID, row)));
    if ((n + 1) % ROWS_PER_TRANSACTION === 0) {
      const commit = lsn - 250 * ROWS_PER_TRANSACTION + ROWS_PER_TRANSACTION * 300;
      bodies.push(sent.xlogData(commit, sent.commit(commit, commit + 48)));
      lsn = commit + 48;
    }
  }
  return bodies;
}

interface Stream {
  readonly buffer: Buffer;
  /** Start of each body; the last one is the end. */
  readonly offsets: readonly number[];
}

function lay(bodies: readonly Buffer[]): Stream {
  const buffer = Buffer.allocUnsafeSlow(bodies.reduce((sum, body) => sum + body.length, 0));
  let at = 0;
  const offsets = bodies.map((body) => {
    buffer.set(body, at);
    at += body.length;
    return at - body.length;
  });
  return { buffer, offsets: [...offsets, at] };
}

/** Rows are decoded and kept for a moment, as batches are. */
function decodeOnce({ buffer, offsets }: Stream): number {
  const decoder = new RowDecoder(buffer, 1 << 20);
  const plan = rowPlan(SHAPE);
  let rows = 0;
  let kept: unknown[] = [];
  for (let index = 0; index + 1 < offsets.length; index += 1) {
    const at = (offsets[index] ?? 0) + XLOG_HEADER_BYTES;
    const tag = buffer[at] ?? 0;
    if (tag !== 0x49 && tag !== 0x55) continue;
    kept.push(decoder.decode(tag, plan, at + 1, offsets[index + 1] ?? 0));
    if (kept.length === 2_000) kept = [];
    rows += 1;
  }
  return rows;
}

async function assembleOnce({ buffer, offsets }: Stream): Promise<number> {
  const assembler = new TransactionAssembler({
    buffer,
    from: boundary(0),
    tables: new CapturedTables(new Map([[SHAPE.id, SHAPE]]), async () => ({
      shape: SHAPE,
      rewritten: [],
    })),
    transactionIds: new TransactionIds(1_000),
    maxValueBytes: 1 << 20,
    maxRowBytes: 1 << 24,
  });
  let rows = 0;
  for (let index = 0; index + 1 < offsets.length; index += 1) {
    const [start, end] = [offsets[index] ?? 0, offsets[index + 1] ?? 0];
    while (assembler.feed(start, end) === Fed.UNRESOLVED) await assembler.resolve();
    if (assembler.bytes > 1_048_576) rows += assembler.take()?.items.length ?? 0;
  }
  return rows + (assembler.take()?.items.length ?? 0);
}

async function measure(seconds: number, work: () => number | Promise<number>): Promise<number> {
  for (let round = 0; round < 10; round += 1) await work();
  const start = systemClock.monotonic();
  let rows = 0;
  while (systemClock.monotonic() - start < seconds * 1_000) rows += await work();
  return Math.round((rows * 1_000) / (systemClock.monotonic() - start));
}

const seconds = Number(process.argv[2] ?? 3);
const ascii = "Lorem ipsum dolor sit amet, consectetur adipiscing";
const streams = {
  "insert, ASCII": lay(streamOf(ascii, false)),
  "update, ASCII": lay(streamOf(ascii, true)),
  "insert, one column beyond ASCII": lay(streamOf(`${ascii} äöü`, false)),
};
for (const [name, stream] of Object.entries(streams)) {
  const bytes = Math.round(stream.buffer.length / ROWS);
  const decode = await measure(seconds, () => decodeOnce(stream));
  const assemble = await measure(seconds, () => assembleOnce(stream));
  process.stdout.write(
    `${name} (${bytes} bytes/row): decode ${decode} rows/s, to batches ${assemble} rows/s\n`,
  );
}
