/**
 * Messages per second of CPU of `debezium-json` from lines of a load, and from their values: `node json-lines.bench.ts
 * [seconds]`, in turns. The second makes the values first, as a load does whose sink takes no lines.
 */
import { RowLine } from "../model/row-line.ts";
import type { TargetChangeEvent } from "../model/sink.ts";
import { tableId, type TableShape } from "../model/table.ts";
import type { LogicalType } from "../model/logical-type.ts";
import { mapToTopic } from "../sinks/kafka/table-mapping.ts";
import { CopyLines } from "../sources/postgres/copy-lines.ts";
import { copyColumnsOf, CopyRowParser } from "../sources/postgres/copy-row.ts";
import { ByteWriter } from "./byte-writer.ts";
import { createFormat } from "./create-format.ts";
import { DEFAULT_FORMAT, type MessageOutput } from "./format.ts";

const ROWS = 6_000;
const TYPES: readonly LogicalType[] = [
  { kind: "int", bits: 64 },
  { kind: "int", bits: 32 },
  { kind: "int", bits: 32 },
  { kind: "decimal", precision: 12, scale: 2 },
  { kind: "text", maxChars: 32 },
  { kind: "text", maxChars: null },
  { kind: "boolean" },
  { kind: "timestamptz", precision: 6 },
  { kind: "uuid" },
  { kind: "jsonb" },
];
const shape: TableShape = {
  id: tableId("public", "items"),
  schema: "public",
  name: "items",
  identity: "1",
  columns: TYPES.map((type, i) => ({
    name: `column_${i}`,
    type,
    sourceType: type.kind,
    nullable: i > 0,
    ordinal: i + 1,
  })),
  key: [0],
};
const table = mapToTopic(shape, shape);

/** As the rows of the large benchmarks come. */
function textOf(i: number): string {
  return `${i}\t${i % 10_000}\t${i % 100}\t${((i % 100_000) / 100).toFixed(2)}\tSKU-${i % 5_000}\tnote of item ${i} ${"x".repeat(40)}\tt\t2026-01-01 00:00:${String(10 + (i % 50))}+00\t00112233-4455-6677-8899-${String(i).padStart(12, "0")}\t{"n": ${i}, "tags": ["a", "b"]}\n`;
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

const parser = new CopyRowParser(copyColumnsOf(shape), 1_000_000);
const lines = new CopyLines(shape, parser, () => 0);
const texts = Array.from({ length: ROWS }, (_, i) => Buffer.from(textOf(i)));
const names = { serverName: "shop", version: "1" };
const encoder = await createFormat(DEFAULT_FORMAT, { names, block: null }).encoder(table, "t");
const nothing = { position: null, transaction: null, counterpart: null, before: null } as const;

function changeOf(text: Buffer, asLine: boolean): TargetChangeEvent {
  const same = { table, op: "r", key: "", source: table.id, ...nothing } as const;
  if (!asLine) return { ...same, after: parser.row(text, 0, text.length) };
  const line = lines.row(text, 0, text.length);
  return line instanceof RowLine ? { ...same, after: null, line } : { ...same, after: line };
}

function measured(name: string, asLine: boolean, untilMs: number): string {
  const output = new Counter();
  const cpu = process.cpuUsage();
  while (performance.now() < untilMs) {
    const changes = texts.map((text) => changeOf(text, asLine));
    for (const change of changes) encoder.change(change, 1_700_000_000_000, output);
  }
  const { user, system } = process.cpuUsage(cpu);
  return `${name} ${((user + system) / output.messages).toFixed(2)} µs of CPU a row`;
}

const ROUNDS = 4;
const slice = (Number(process.argv[2] ?? 4) * 1_000) / ROUNDS / 2;
for (let round = 0; round < ROUNDS; round++) {
  const fromLines = measured("lines", true, performance.now() + slice);
  const fromValues = measured("values", false, performance.now() + slice);
  process.stdout.write(`${fromLines}, ${fromValues}\n`);
}
