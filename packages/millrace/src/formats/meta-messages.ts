import type { DeadLetter } from "../model/dead-letter.ts";
import type { TargetChange } from "../model/sink.ts";
import type { Origin, SourceBlock } from "../model/source-block.ts";
import type { TargetTable } from "../model/table.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { messageHeader, type MessageHeader } from "./format.ts";
import { SourceJson } from "./source-json.ts";
import type { TransactionCounts } from "./transaction-meter.ts";

/*
 * Messages beside those of tables, in Debezium's forms: transactions, heartbeats, schema changes. Key and value go into
 * the writers, without schema.
 */

/** A message of `<prefix>.transaction` where a transaction begins. */
export function writeTransactionBegin(
  { id, commitTimeMs }: Pick<TransactionCounts, "id" | "commitTimeMs">,
  key: ByteWriter,
  value: ByteWriter,
): void {
  key.utf8(JSON.stringify({ id }));
  const ts_ms = Math.floor(commitTimeMs);
  const told = { status: "BEGIN", id, ts_ms, event_count: null, data_collections: null };
  value.utf8(JSON.stringify(told));
}

/** A message of `<prefix>.transaction` where a transaction ends: how many events it had. */
export function writeTransactionEnd(
  { id, commitTimeMs, total, byTable }: TransactionCounts,
  key: ByteWriter,
  value: ByteWriter,
): void {
  key.utf8(JSON.stringify({ id }));
  const told = {
    status: "END",
    id,
    ts_ms: Math.floor(commitTimeMs),
    event_count: total,
    data_collections: byTable.map(({ table, count }) => ({
      data_collection: table,
      event_count: count,
    })),
  };
  value.utf8(JSON.stringify(told));
}

/** A message of `__debezium-heartbeat.<prefix>`. */
export function writeHeartbeat(
  serverName: string,
  nowMs: number,
  key: ByteWriter,
  value: ByteWriter,
): void {
  key.utf8(JSON.stringify({ serverName }));
  value.utf8(JSON.stringify({ ts_ms: nowMs }));
}

/**
 * A message of the dead letters' topic: the letter, as `dead-letters show` has it, under the target and key that it is
 * about, so that a compacted topic holds those that stand. The headers say why.
 */
export function writeDeadLetter(
  letter: DeadLetter,
  key: ByteWriter,
  value: ByteWriter,
): readonly MessageHeader[] {
  writeLetterKey(letter, key);
  value.utf8(JSON.stringify(letter));
  const { id, table, code, reason, column, op, attempts } = letter;
  const told = { id, table, code, reason, column: column ?? "", op, attempts: String(attempts) };
  return Object.entries(told).map(([name, text]) =>
    messageHeader(`${LETTER_HEADERS}${name}`, text),
  );
}

const LETTER_HEADERS = "__millrace.dead-letter.";

/** The key of a letter's messages. One without value: the letter is gone, replayed, discarded or overtaken by a change. */
export function writeLetterKey(
  { target, key: about }: Pick<DeadLetter, "target" | "key">,
  key: ByteWriter,
): void {
  key.utf8(JSON.stringify({ target, key: about }));
}

/** A message of the schema changes' topic. `ddl` is null: what became of the table is told, not in whose words. */
export function writeSchemaChange(
  change: TargetChange,
  origin: Origin,
  block: SourceBlock,
  key: ByteWriter,
  value: ByteWriter,
): void {
  const { table } = change;
  const db = block.fields.findIndex(({ name }) => name === "db");
  const databaseName = String(block.value(db, origin) ?? "");
  key.utf8(JSON.stringify({ databaseName }));
  value.ascii('{"source":');
  new SourceJson(block).write(origin, value);
  const type = { create: "CREATE", alter: "ALTER", drop: "DROP" }[change.kind];
  const rest = {
    ts_ms: origin.nowMs,
    databaseName,
    schemaName: table.schema,
    ddl: null,
    tableChanges: [
      {
        type,
        id: `"${databaseName}"."${table.schema}"."${table.name}"`,
        table: change.kind === "drop" ? null : tableOf(table),
      },
    ],
  };
  value.utf8(`,${JSON.stringify(rest).slice(1)}`);
}

function tableOf(table: TargetTable): object {
  const shown = table.columns
    .map((column, index) => ({ column, index }))
    .filter(({ index }) => !table.keyless || !table.key.includes(index));
  const keys = table.keyless ? [] : table.key.map((index) => table.columns[index]?.name ?? "");
  return {
    defaultCharsetName: null,
    primaryKeyColumnNames: keys,
    columns: shown.map(({ column, index }, position) => ({
      name: column.name,
      typeName: column.sourceType ?? column.logical.kind,
      typeExpression: column.sourceType ?? column.logical.kind,
      position: position + 1,
      optional: !table.key.includes(index) && (column.sourceNullable ?? column.nullable),
    })),
  };
}
