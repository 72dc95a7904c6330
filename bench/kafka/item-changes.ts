import { ByteWriter } from "../../packages/millrace/src/formats/byte-writer.ts";
import { createFormat } from "../../packages/millrace/src/formats/create-format.ts";
import {
  DEFAULT_FORMAT,
  type MessageOutput,
  type TableEncoder,
} from "../../packages/millrace/src/formats/format.ts";
import type { Transaction } from "../../packages/millrace/src/model/change.ts";
import type { LogicalType } from "../../packages/millrace/src/model/logical-type.ts";
import type { TargetChangeEvent } from "../../packages/millrace/src/model/sink.ts";
import { PostgresSourceBlock } from "../../packages/millrace/src/sources/postgres/source-block.ts";
import { tableId, type TargetTable } from "../../packages/millrace/src/model/table.ts";
import type { Row } from "../../packages/millrace/src/model/value.ts";
import { TRANSACTION_ROWS } from "../workload.ts";

/** How rows look in messages. */
export type ItemFormat = "plain-json" | "debezium-json";

const TYPES: readonly (readonly [name: string, logical: LogicalType])[] = [
  ["id", { kind: "int", bits: 64 }],
  ["customer", { kind: "int", bits: 32 }],
  ["quantity", { kind: "int", bits: 32 }],
  ["price", { kind: "decimal", precision: 12, scale: 2 }],
  ["sku", { kind: "text", maxChars: 32 }],
  ["note", { kind: "text", maxChars: null }],
  ["active", { kind: "boolean" }],
  ["changed", { kind: "timestamptz", precision: 6 }],
  ["token", { kind: "uuid" }],
  ["extra", { kind: "jsonb" }],
];

/** The benchmarks' table as the sink is given it. */
export const ITEMS: TargetTable = {
  id: tableId("public", "items"),
  schema: "public",
  name: "items",
  columns: TYPES.map(([name, logical]) => ({ name, type: logical.kind, logical, nullable: false })),
  key: [0],
  keyless: false,
};

/** Inserts of so many of its rows, as a source's log brings them. */
export function insertedItems(rows: number): readonly TargetChangeEvent[] {
  return itemChanges("c", 0, rows);
}

/** Bytes of log that a row takes. */
const LOG_BYTES = 300;

/** So many rows from the `first` on, as PostgreSQL's log brings them: inserted, or changed without their old values. */
export function itemChanges(op: "c" | "u", first: number, rows: number): TargetChangeEvent[] {
  let transaction: Transaction = { id: "", commitTimeMs: 0 };
  return Array.from({ length: rows }, (_, at) => {
    const n = first + at;
    const nth = Math.floor(n / TRANSACTION_ROWS) + 1;
    if (at === 0 || n % TRANSACTION_ROWS === 0)
      transaction = { id: `${nth}@0/${nth.toString(16)}`, commitTimeMs: 1_700_000_000_000 + nth };
    return {
      table: ITEMS,
      op,
      key: String(n),
      before: null,
      after: itemOf(n, op === "u"),
      position: [nth * TRANSACTION_ROWS * LOG_BYTES, n * LOG_BYTES, 0],
      transaction,
      source: ITEMS.id,
      counterpart: null,
    };
  });
}

/** As {@link ROW} makes them; changed ones have another quantity and time. */
function itemOf(n: number, isChanged = false): Row {
  const second = new Date(1_767_225_600_000 + n * 1000).toISOString();
  return [
    String(n),
    String(n % 10_000),
    String((n % 100) + (isChanged ? 1 : 0)),
    ((n % 100_000) / 100).toFixed(2),
    `SKU-${n % 5000}`,
    `note of item ${n} ${"x".repeat(40)}`,
    n % 2 === 0,
    `${second.slice(0, 10)} ${second.slice(11, 19)}${isChanged ? ".5" : ""}+00`,
    `00112233-4455-6677-8899-${String(n).padStart(12, "0")}`,
    `{"n": ${n}, "tags": ["a", "b"]}`,
  ];
}

/** How messages are written besides their format. */
export interface ItemMessages {
  /** Debezium's schema is in each. */
  readonly includeSchema?: boolean;
  /** With Debezium's block of a PostgreSQL; else that of no source in particular. */
  readonly ofPostgres?: boolean;
}

/** What writes their messages, or those of another table. */
export function itemEncoder(
  value: ItemFormat,
  topic: string,
  { includeSchema = false, ofPostgres = false }: ItemMessages = {},
  table = ITEMS,
): Promise<TableEncoder> {
  const names = { serverName: "bench", version: "1" };
  const block = ofPostgres ? new PostgresSourceBlock(names, "bench") : null;
  const options = { ...DEFAULT_FORMAT, value, includeSchema };
  return createFormat(options, { names, block }).encoder(table, topic);
}

/** Bytes of an average message, key and value. */
export async function messageBytes(
  format: ItemFormat,
  changes: readonly TargetChangeEvent[],
  messages: ItemMessages = {},
): Promise<number> {
  const encoder = await itemEncoder(format, "items", messages);
  const counter = new CountedBytes();
  for (const change of changes) encoder.change(change, Date.now(), counter);
  return counter.bytes / changes.length;
}

class CountedBytes implements MessageOutput {
  readonly key = new ByteWriter();
  readonly value = new ByteWriter();
  bytes = 0;

  message(): void {
    this.bytes += this.key.length + this.value.length;
    this.key.clear();
    this.value.clear();
  }
}
