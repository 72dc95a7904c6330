import { ByteWriter } from "../../packages/millrace/src/formats/byte-writer.ts";
import { createFormat } from "../../packages/millrace/src/formats/create-format.ts";
import {
  DEFAULT_FORMAT,
  type MessageOutput,
  type TableEncoder,
} from "../../packages/millrace/src/formats/format.ts";
import type { LogicalType } from "../../packages/millrace/src/model/logical-type.ts";
import type { TargetChangeEvent } from "../../packages/millrace/src/model/sink.ts";
import { tableId, type TargetTable } from "../../packages/millrace/src/model/table.ts";
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
  let transaction = { id: "0", commitTimeMs: 0 };
  return Array.from({ length: rows }, (_, n) => {
    if (n % TRANSACTION_ROWS === 0)
      transaction = { id: String(n), commitTimeMs: 1_700_000_000_000 + n };
    return {
      table: ITEMS,
      op: "c",
      key: String(n),
      before: null,
      after: itemOf(n),
      position: null,
      transaction,
      source: ITEMS.id,
      counterpart: null,
    };
  });
}

/** As {@link ROW} makes them. */
function itemOf(n: number): TargetChangeEvent["after"] {
  const second = new Date(1_767_225_600_000 + n * 1000).toISOString();
  return [
    String(n),
    String(n % 10_000),
    String(n % 100),
    ((n % 100_000) / 100).toFixed(2),
    `SKU-${n % 5000}`,
    `note of item ${n} ${"x".repeat(40)}`,
    n % 2 === 0,
    `${second.slice(0, 10)} ${second.slice(11, 19)}+00`,
    `00112233-4455-6677-8899-${String(n).padStart(12, "0")}`,
    `{"n": ${n}, "tags": ["a", "b"]}`,
  ];
}

/** What writes their messages. */
export function itemEncoder(value: ItemFormat, topic: string): Promise<TableEncoder> {
  const names = { serverName: "bench", version: "1" };
  return createFormat({ ...DEFAULT_FORMAT, value }, { names, block: null }).encoder(ITEMS, topic);
}

/** Bytes of an average message, key and value. */
export async function messageBytes(
  format: ItemFormat,
  changes: readonly TargetChangeEvent[],
): Promise<number> {
  const encoder = await itemEncoder(format, "items");
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
