/**
 * Messages per second of `debezium-json` without schema, key and value, over rows of 10 columns in memory:
 * `node debezium-json.bench.ts [seconds]`. Beside it, in turns, the same through objects and JSON.stringify: on a busy machine only
 * the two together say something.
 */
import type { TargetChangeEvent } from "../model/sink.ts";
import type { LogicalType } from "../model/logical-type.ts";
import { tableId, type TargetTable } from "../model/table.ts";
import { ByteWriter } from "./byte-writer.ts";
import { createFormat } from "./create-format.ts";
import { DEFAULT_FORMAT, type MessageOutput } from "./format.ts";
import { GenericSourceBlock } from "./generic-source-block.ts";

const ROWS = 2_000;
const ROWS_PER_TRANSACTION = 100;
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
const TABLE: TargetTable = {
  id: tableId("public", "orders"),
  schema: "public",
  name: "orders",
  columns: TYPES.map((logical, index) => ({
    name: `column_${index}`,
    type: logical.kind,
    logical,
    nullable: index > 0,
  })),
  key: [0],
  keyless: false,
};

/** Counts; the bytes go nowhere. */
class Counter implements MessageOutput {
  readonly key = new ByteWriter();
  readonly value = new ByteWriter();
  messages = 0;
  bytes = 0;

  message(): void {
    this.messages++;
    this.bytes += this.key.length + this.value.length;
    this.key.clear();
    this.value.clear();
  }
}

function events(): TargetChangeEvent[] {
  let transaction = { id: "0", commitTimeMs: 0 };
  return Array.from({ length: ROWS }, (_, n) => {
    if (n % ROWS_PER_TRANSACTION === 0) transaction = { id: String(n), commitTimeMs: 1.7e12 + n };
    const after = [
      String(1_000_000 + n),
      String(n % 1_000),
      String((n * 7) % 100_000),
      ((n % 100_000) / 100).toFixed(2),
      `customer ${n}`,
      `a text that is as long as most texts of an order are, with "quotes" ${n}`,
      n % 2 === 0,
      `2026-11-${String(10 + (n % 20))} 12:34:56.${String(100_000 + n)}+00`,
      `00112233-4455-6677-8899-${String(n).padStart(12, "0")}`,
      `{"a": ${n}, "b": [1, 2]}`,
    ];
    return {
      table: TABLE,
      op: "c",
      key: "",
      before: null,
      after,
      position: [transaction.commitTimeMs, n, 3],
      transaction,
      source: TABLE.id,
      counterpart: null,
    };
  });
}

const seconds = Number(process.argv[2] ?? 3);
const names = { serverName: "shop", version: "1" };
const encoder = await createFormat(DEFAULT_FORMAT, {
  names,
  block: new GenericSourceBlock(names),
}).encoder(TABLE, "shop.public.orders");
const changes = events();
/** The same messages as objects through JSON.stringify: what the writer is compared to, in turns with it. */
function stringified(output: Counter): void {
  for (const { after, transaction, position } of changes) {
    const row = Object.fromEntries(
      TABLE.columns.map(({ name }, i) => [name, i < 3 ? Number(after?.[i]) : after?.[i]]),
    );
    const ts_ms = 1_700_000_000_000;
    const time = transaction?.commitTimeMs ?? 0;
    const source = {
      version: "1",
      connector: "millrace",
      name: "shop",
      ts_ms: time,
      snapshot: "false",
      db: "",
      sequence: null,
      ts_us: time * 1_000,
      ts_ns: time * 1_000_000,
      schema: "public",
      table: "orders",
      position,
    };
    const times = { ts_ms, ts_us: ts_ms * 1_000, ts_ns: ts_ms * 1_000_000 };
    const envelope = { before: null, after: row, source, transaction: null, op: "c", ...times };
    const value = Buffer.from(JSON.stringify(envelope));
    const key = Buffer.from(JSON.stringify({ column_0: row["column_0"] }));
    output.messages++;
    output.bytes += value.length + key.length;
  }
}

function measured(name: string, run: (output: Counter) => void, untilMs: number): string {
  const output = new Counter();
  const cpu = process.cpuUsage();
  while (performance.now() < untilMs) run(output);
  const { user, system } = process.cpuUsage(cpu);
  const rate = (output.messages / (user + system)).toFixed(2);
  return `${name} ${rate} million messages/s of CPU (${Math.round(output.bytes / output.messages)} bytes)`;
}

const ROUNDS = 4;
const slice = (seconds * 1_000) / ROUNDS / 2;
for (let round = 0; round < ROUNDS; round++) {
  const ours = measured(
    "debezium-json",
    (output) => {
      for (const change of changes) encoder.change(change, 1_700_000_000_000, output);
    },
    performance.now() + slice,
  );
  const theirs = measured("JSON.stringify", stringified, performance.now() + slice);
  process.stdout.write(`${ours}, ${theirs}\n`);
}
