import type { DeadLetter } from "../model/dead-letter.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { messageHeader, type MessageHeader } from "./format.ts";
import type { TransactionCounts } from "./transaction-meter.ts";

/*
 * Messages beside those of tables, in Debezium's forms: transactions, heartbeats, dead letters. Key and value go into
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
  const told = { status: "BEGIN", id, event_count: null, data_collections: null, ts_ms };
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
    event_count: total,
    data_collections: byTable.map(({ table, count }) => ({
      data_collection: table,
      event_count: count,
    })),
    ts_ms: Math.floor(commitTimeMs),
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
