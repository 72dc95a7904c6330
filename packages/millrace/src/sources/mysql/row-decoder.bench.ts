/**
 * Rows per second of the row decoder, over events in memory as a server writes them (10 columns, about 120 bytes a row, 64
 * rows an event): `node row-decoder.bench.ts [seconds]`.
 *
 * Measured 2026-11-21 on 2 cores that were busy with other work (load 10 to 25), Node 24.21, per second of CPU: 0.9 to 2.1
 * million inserts, with JSON 0.6 to 1.1 million; 0.7 to 1.4 million updates, with JSON 0.4 to 0.7 million.
 */
import { systemClock } from "../../model/ports.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { EventType, type RowEventKind, rowEventKind } from "./event-types.ts";
import { RowDecoder } from "./row-decoder.ts";
import { planRow, type RowPlan } from "./row-plan.ts";
import { ColumnCode, type MappedColumn, type TableMap } from "./table-map.ts";
import { logicalType, parseColumnType } from "./types.ts";

const ROWS = 20_000;
const ROWS_PER_EVENT = 64;

const COLUMNS: readonly (readonly [sourceType: string, code: number, meta: number])[] = [
  ["bigint", ColumnCode.LONGLONG, 0],
  ["int", ColumnCode.LONG, 0],
  ["int unsigned", ColumnCode.LONG, 0],
  ["decimal(12,2)", ColumnCode.NEWDECIMAL, (12 << 8) | 2],
  ["varchar(40) character set utf8mb4", ColumnCode.VARCHAR, 160],
  ["text character set utf8mb4", ColumnCode.BLOB, 2],
  ["tinyint(1)", ColumnCode.TINY, 0],
  ["datetime(6)", ColumnCode.DATETIME2, 6],
  ["double", ColumnCode.DOUBLE, 8],
  ["enum('new','paid','sent') character set utf8mb4", ColumnCode.ENUM, 1],
];
const JSON_COLUMN = ["json", ColumnCode.JSON, 4] as const;

/** `{"a": n, "b": "xyz", "tags": [1, 2, 3]}` as MySQL has it. */
function document(n: number): Buffer {
  const tags = Buffer.from("0300 0d00 050100 050200 050300".replaceAll(" ", ""), "hex");
  const head = Buffer.alloc(1 + 4 + 3 * 4 + 3 * 3);
  head.writeUInt16LE(3, 1);
  const keys = Buffer.from("abtags");
  const text = Buffer.from("\x03xyz");
  const keysAt = head.length - 1;
  const textAt = keysAt + keys.length;
  head.writeUInt16LE(textAt + text.length + tags.length, 3);
  for (const [index, [at, length]] of (
    [
      [0, 1],
      [1, 1],
      [2, 4],
    ] as const
  ).entries()) {
    head.writeUInt16LE(keysAt + at, 5 + index * 4);
    head.writeUInt16LE(length, 7 + index * 4);
  }
  head.set([5, n & 0xff, (n >> 8) & 0x7f, 12, textAt, 0, 2, textAt + text.length, 0], 17);
  return Buffer.concat([head, keys, text, tags]);
}

function lengthed(bytes: number, value: Buffer): Buffer {
  const length = Buffer.alloc(bytes);
  length.writeUIntLE(value.length, 0, bytes);
  return Buffer.concat([length, value]);
}

function rowOf(n: number, withJson: boolean, text: string): Buffer {
  const fixed = Buffer.alloc(2 + 8 + 4 + 4 + 6);
  fixed.writeBigInt64LE(BigInt(1_000_000 + n), 2);
  fixed.writeInt32LE(n % 1_000, 10);
  fixed.writeUInt32LE((n * 7) % 100_000, 14);
  fixed.writeUIntBE(0x80_0000_0000 + (n % 100_000), 18, 5);
  fixed.writeUInt8(n % 100, 23);
  const rest = Buffer.alloc(1 + 8 + 8 + 1);
  rest.writeUInt8(n % 2, 0);
  const month = 2026 * 13 + 11;
  const clock = (10 << 12) | ((n % 60) << 6) | (n % 60);
  rest.writeUIntBE(0x80 + Math.floor(((month * 32 + 21) * 131_072) / 0x1_0000_0000), 1, 1);
  rest.writeUInt32BE(((month * 32 + 21) * 131_072 + clock) % 0x1_0000_0000, 2);
  rest.writeUIntBE((n * 13) % 1_000_000, 6, 3);
  rest.writeDoubleLE(n / 8, 9);
  rest.writeUInt8(1 + (n % 3), 17);
  return Buffer.concat([
    fixed,
    lengthed(1, Buffer.from(`customer ${n}`)),
    lengthed(2, Buffer.from(`${text} ${n}`)),
    rest,
    ...(withJson ? [lengthed(4, document(n))] : []),
  ]);
}

interface Work {
  readonly plan: RowPlan;
  readonly kind: RowEventKind;
  readonly buffer: Buffer;
  readonly ends: readonly number[];
}

function shapeOf(columns: typeof COLUMNS): TableShape {
  const id = tableId("shop", "orders");
  const options = { tinyint1AsBoolean: true, timeAsInterval: false, geometry: "geojson" } as const;
  const shaped = columns.map(([sourceType], index) => {
    const type = parseColumnType(sourceType);
    if (type === null) throw new Error(sourceType);
    const logical = logicalType(type, options);
    return { name: `c${index}`, type: logical, sourceType, nullable: true, ordinal: null };
  });
  return { id, schema: "shop", name: "orders", identity: id, key: [0], columns: shaped };
}

function planOf(columns: typeof COLUMNS): RowPlan {
  const mapped = columns.map(([, code, meta]): MappedColumn => ({
    code,
    meta,
    name: null,
    unsigned: null,
    charset: null,
    labels: null,
  }));
  const map: TableMap = {
    tableId: 1,
    schema: "shop",
    table: "orders",
    columns: mapped,
    flavor: "mysql",
  };
  const plan = planRow(map, shapeOf(columns), { zeroDatesAreNull: false });
  if (plan === null) throw new Error("no plan");
  return plan;
}

function workOf(isUpdate: boolean, withJson: boolean, text: string): Work {
  const columns = withJson ? [...COLUMNS, JSON_COLUMN] : COLUMNS;
  const kind = rowEventKind(isUpdate ? EventType.UPDATE_ROWS : EventType.WRITE_ROWS);
  if (kind === null) throw new Error("no row event");
  const bitmap = Buffer.alloc((columns.length + 7) >> 3, 0xff);
  const head = Buffer.concat([
    Buffer.from("01000000000001000200", "hex"),
    Buffer.of(columns.length),
    bitmap,
    ...(isUpdate ? [bitmap] : []),
  ]);
  const parts: Buffer[] = [];
  const ends: number[] = [];
  let length = 0;
  for (let n = 0; n < ROWS; n += ROWS_PER_EVENT) {
    const rows = Array.from({ length: ROWS_PER_EVENT }, (_, at) => rowOf(n + at, withJson, text));
    // An update alters one number.
    const bodies = isUpdate ? rows.flatMap((row, at) => [row, changed(row, n + at)]) : rows;
    const event = Buffer.concat([head, ...bodies]);
    parts.push(event);
    length += event.length;
    ends.push(length);
  }
  return { plan: planOf(columns), kind, buffer: Buffer.concat(parts), ends };
}

function changed(row: Buffer, n: number): Buffer {
  const copy = Buffer.from(row);
  copy.writeInt32LE(n % 999, 10);
  return copy;
}

/** Rows are kept for a moment, as batches are. */
function decodeOnce({ plan, kind, buffer, ends }: Work, decoder: RowDecoder): number {
  let rows = 0;
  let start = 0;
  let kept: unknown[] = [];
  for (const end of ends) {
    decoder.begin(buffer, kind, plan, start, end);
    while (decoder.next()) {
      kept.push(decoder.before, decoder.after);
      rows += 1;
    }
    if (kept.length > 4_000) kept = [];
    start = end;
  }
  return rows;
}

function measure(seconds: number, work: Work): number {
  const decoder = new RowDecoder(1 << 20);
  for (let round = 0; round < 10; round += 1) decodeOnce(work, decoder);
  const start = process.cpuUsage().user;
  const end = systemClock.monotonic() + seconds * 1_000;
  let rows = 0;
  while (systemClock.monotonic() < end) rows += decodeOnce(work, decoder);
  return Math.round((rows * 1_000_000) / (process.cpuUsage().user - start));
}

const seconds = Number(process.argv[2] ?? 3);
const ascii = "Lorem ipsum dolor sit amet, consectetur";
for (const [name, work] of [
  ["insert", workOf(false, false, ascii)],
  ["insert, one column beyond ASCII", workOf(false, false, `${ascii} äöü`)],
  ["insert with JSON", workOf(false, true, ascii)],
  ["update", workOf(true, false, ascii)],
  ["update with JSON", workOf(true, true, ascii)],
] as const) {
  const bytes = Math.round(work.buffer.length / ROWS);
  process.stdout.write(`${name} (${bytes} bytes/row): ${measure(seconds, work)} rows/s of CPU\n`);
}
