/**
 * Messages per second of CPU of `debezium-json` from rows that are a log's bytes, and from their values, over events in memory as
 * MySQL writes them of the table of the large benchmarks: `node logged-images.bench.ts [seconds]`, in turns.
 *
 * Measured 2026-11-23 on 2 cores beside a load of 28, µs of CPU a row, warm: inserts 2.12 from values and 1.71 from bytes, updates 3.22
 * and 2.89. That values survive collections, where they wait, is not in it.
 */
import { ByteWriter } from "../../formats/byte-writer.ts";
import { createFormat } from "../../formats/create-format.ts";
import { DEFAULT_FORMAT, type MessageOutput, type TableEncoder } from "../../formats/format.ts";
import { Change } from "../../model/change.ts";
import type { LoggedChange } from "../../model/logged-change.ts";
import type { TargetChangeEvent } from "../../model/sink.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { mapToTopic } from "../../sinks/kafka/table-mapping.ts";
import { EventType, type RowEventKind, rowEventKind } from "./event-types.ts";
import { LoggedImages } from "./logged-images.ts";
import type { LogPosition } from "./position.ts";
import { RowDecoder } from "./row-decoder.ts";
import { planRow, type RowPlan } from "./row-plan.ts";
import { MysqlSourceBlock } from "./source-block.ts";
import { ColumnCode } from "./table-map.ts";
import { logicalType, parseColumnType } from "./types.ts";

const ROWS = 6_000;
const ROWS_PER_EVENT = 40;
const MAX_VALUE_BYTES = 1_000_000;
const UTF8 = "character set utf8mb4";
const COLUMNS: readonly (readonly [sourceType: string, code: number, meta: number])[] = [
  ["bigint", ColumnCode.LONGLONG, 0],
  ["int", ColumnCode.LONG, 0],
  ["int", ColumnCode.LONG, 0],
  ["decimal(12,2)", ColumnCode.NEWDECIMAL, (12 << 8) | 2],
  [`varchar(32) ${UTF8}`, ColumnCode.VARCHAR, 128],
  [`text ${UTF8}`, ColumnCode.BLOB, 2],
  ["tinyint(1)", ColumnCode.TINY, 0],
  ["timestamp(6)", ColumnCode.TIMESTAMP2, 6],
  [`char(36) ${UTF8}`, ColumnCode.STRING, 144],
  ["json", ColumnCode.JSON, 4],
];
const TYPES = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" } as const;
const TRANSACTION = { id: "1", commitTimeMs: 1_700_000_000_000 };

const shape: TableShape = {
  id: tableId("bench", "items"),
  schema: "bench",
  name: "items",
  identity: "1",
  key: [0],
  columns: COLUMNS.map(([sourceType], index) => {
    const type = parseColumnType(sourceType);
    if (type === null) throw new Error(sourceType);
    const name = `column_${index}`;
    return { name, type: logicalType(type, TYPES), sourceType, nullable: index > 0, ordinal: null };
  }),
};

function plan(): RowPlan {
  const columns = COLUMNS.map(([, code, meta]) => {
    return { code, meta, name: null, unsigned: null, charset: null, labels: null };
  });
  const map = { tableId: 1, schema: "bench", table: "items", columns, flavor: "mysql" as const };
  const made = planRow(map, shape, { zeroDatesAreNull: false });
  if (made === null) throw new Error("no plan");
  return made;
}

function text(lengthBytes: number, value: string): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntLE(value.length, 0, lengthBytes);
  return Buffer.concat([length, Buffer.from(value)]);
}

/** `{"n": 1, "tags": ["a", "b"]}` as MySQL has it. */
function document(n: number): Buffer {
  const tags = Buffer.from("02000e000c0a000c0c0001610162", "hex");
  const head = Buffer.from("00020000001200010013000400070000021700", "hex");
  head.writeUInt16LE(head.length - 1 + 5 + 4 + tags.length, 3);
  head[13] = 8;
  const number = Buffer.alloc(4);
  number.writeUInt32LE(n);
  head.writeUInt16LE(head.length - 1 + 5, 14);
  head.writeUInt16LE(head.length - 1 + 5 + 4, 17);
  const all = Buffer.concat([head, Buffer.from("ntags"), number, tags]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(all.length);
  return Buffer.concat([length, all]);
}

function rowOf(i: number): Buffer {
  const head = Buffer.alloc(2 + 8 + 4 + 4 + 6);
  head.writeBigInt64LE(BigInt(i), 2);
  head.writeInt32LE(i % 10_000, 10);
  head.writeInt32LE(i % 100, 14);
  // Ten digits before the point: one in a byte of its own, nine in four bytes.
  head.writeUInt8(0x80, 18);
  head.writeUInt32BE(Math.floor(i / 100) % 1_000, 19);
  head.writeUInt8(i % 100, 23);
  const changed = Buffer.alloc(1 + 4 + 3);
  changed.writeUInt8(i % 2, 0);
  changed.writeUInt32BE(1_767_225_600 + i, 1);
  const token = `00112233-4455-6677-8899-${String(i).padStart(12, "0")}`;
  return Buffer.concat([
    head,
    text(1, `SKU-${i % 5_000}`),
    text(2, `note of item ${i} ${"x".repeat(40)}`),
    changed,
    text(1, token),
    document(i),
  ]);
}

interface Work {
  readonly kind: RowEventKind;
  readonly events: readonly Buffer[];
}

function workOf(isUpdate: boolean): Work {
  const kind = rowEventKind(isUpdate ? EventType.UPDATE_ROWS : EventType.WRITE_ROWS);
  if (kind === null) throw new Error("no row event");
  const head = Buffer.from(`010000000000010002000affff${isUpdate ? "ffff" : ""}`, "hex");
  const events: Buffer[] = [];
  for (let from = 0; from < ROWS; from += ROWS_PER_EVENT) {
    const rows = Array.from({ length: ROWS_PER_EVENT }, (_, at) => rowOf(from + at));
    const images = isUpdate ? rows.flatMap((row) => [row, changedRow(row)]) : rows;
    events.push(Buffer.concat([head, ...images]));
  }
  return { kind, events };
}

function changedRow(row: Buffer): Buffer {
  const copy = Buffer.from(row);
  copy.writeInt32LE(7, 14);
  return copy;
}

/** Counts; the bytes go nowhere. */
class Counter implements MessageOutput {
  readonly key = new ByteWriter();
  readonly value = new ByteWriter();
  messages = 0;

  message(): void {
    this.messages++;
    this.key.clear();
    this.value.clear();
  }
}

const PLAN = plan();
const target = mapToTopic(shape, shape);
const position = (row: number): LogPosition => [
  { file: 1, at: 4, era: 0, n: 1, hash: null },
  1,
  row,
];

function byValues({ kind, events }: Work): Change[] {
  const decoder = new RowDecoder(MAX_VALUE_BYTES);
  const changes: Change[] = [];
  for (const body of events) {
    decoder.begin(body, kind, PLAN, 0, body.length);
    while (decoder.next()) {
      const { op, before, after } = decoder;
      const place = position(changes.length);
      changes.push(new Change(op, shape, before, after, place, null, TRANSACTION, 100));
    }
  }
  return changes;
}

function byImages({ kind, events }: Work): LoggedChange[] {
  const images = new LoggedImages(MAX_VALUE_BYTES);
  const changes: LoggedChange[] = [];
  for (const body of events) {
    if (!images.begin(body, kind, PLAN, 0, body.length)) throw new Error("no images");
    while (images.next()) changes.push(images.change(position(changes.length), TRANSACTION, 100));
  }
  return changes;
}

function eventOf(change: Change | LoggedChange, logged?: LoggedChange): TargetChangeEvent {
  return {
    table: target,
    op: change.op,
    key: "",
    before: logged === undefined ? change.before : null,
    after: logged === undefined ? change.after : null,
    position: change.position,
    transaction: change.transaction,
    source: shape.id,
    counterpart: null,
    ...(logged === undefined ? {} : { logged }),
  };
}

const WAYS = {
  "from its values": (work: Work): TargetChangeEvent[] =>
    byValues(work).map((change) => eventOf(change)),
  "from its bytes": (work: Work): TargetChangeEvent[] =>
    byImages(work).map((change) => eventOf(change, change)),
};

/** µs of CPU a row. */
function measure(
  encoder: TableEncoder,
  way: (work: Work) => TargetChangeEvent[],
  work: Work,
  seconds: number,
): number {
  const output = new Counter();
  const begin = process.cpuUsage();
  const used = (): number => {
    const { user, system } = process.cpuUsage(begin);
    return user + system;
  };
  while (used() < seconds * 1e6)
    for (const event of way(work)) encoder.change(event, 1_700_000_000_000, output);
  return used() / output.messages;
}

const seconds = Number(process.argv[2] ?? 2);
const names = { serverName: "bench", version: "1" };
const server = { connector: "mysql", logName: "binlog", serverId: 1 } as const;
const block = new MysqlSourceBlock(names, () => server);
const encoder = await createFormat(DEFAULT_FORMAT, { names, block }).encoder(target, "t");
for (let round = 0; round < 3; round++)
  for (const [what, isUpdate] of [
    ["insert", false],
    ["update", true],
  ] as const)
    for (const [name, way] of Object.entries(WAYS)) {
      const microseconds = measure(encoder, way, workOf(isUpdate), seconds);
      process.stdout.write(`${what}, ${name}: ${microseconds.toFixed(2)} µs of CPU a row\n`);
    }
