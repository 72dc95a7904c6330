/* Hot: once per message. Takes messages from a table's encoder and gives them to the partition that they belong to. */
import { MillraceError } from "../../errors/millrace-error.ts";
import { ByteWriter } from "../../formats/byte-writer.ts";
import type {
  MessageHeader,
  MessageOutput,
  MessageRow,
  TableEncoder,
} from "../../formats/format.ts";
import type { Partitioner } from "./partitioner.ts";
import type { TargetTopic } from "./topics.ts";
import type { TransactionBatches } from "./transaction-batches.ts";

/** A table on its way out. */
export interface TableOutput {
  readonly topic: TargetTopic;
  readonly encoder: TableEncoder;
  readonly partitioner: Partitioner;
}

/** Where encoders write to; {@link toTable} says for which table. */
export class MessageRouter implements MessageOutput {
  readonly key = new ByteWriter();
  readonly value = new ByteWriter();
  #table: TableOutput | null = null;
  #batches: TransactionBatches | null = null;
  #nowMs = 0;

  /** The messages that follow are of this table, of this transaction, and of this time. */
  toTable(table: TableOutput, batches: TransactionBatches, nowMs: number): void {
    this.#table = table;
    this.#batches = batches;
    this.#nowMs = nowMs;
    this.key.clear();
    this.value.clear();
  }

  /** See {@link MessageOutput.message}. @throws MillraceError MR_SINK_ROW_REFUSED of one that its topic does not take. */
  message(
    hasKey: boolean,
    hasValue: boolean,
    row: MessageRow | null,
    headers: readonly MessageHeader[],
  ): void {
    const table = this.#table;
    if (table === null || this.#batches === null)
      throw new MillraceError("MR_BUG", "a message without a table");
    const { topic, partitioner } = table;
    const keyLength = hasKey ? this.key.length : -1;
    const valueLength = hasValue ? this.value.length : -1;
    if (row === null) this.#toAll(table, keyLength, valueLength, headers);
    else {
      const key = hasKey ? this.key.buffer : null;
      this.#put(
        topic,
        partitioner.choose(key, keyLength, row, topic.partitions),
        keyLength,
        valueLength,
        headers,
      );
    }
    this.key.clear();
    this.value.clear();
  }

  /** What is about no row stands in its place among the rows of every partition that has any. */
  #toAll(
    { topic, partitioner }: TableOutput,
    keyLength: number,
    valueLength: number,
    headers: readonly MessageHeader[],
  ): void {
    const one = partitioner.isOne ? partitioner.choose(null, -1, null, topic.partitions) : null;
    if (one !== null) return this.#put(topic, one, keyLength, valueLength, headers);
    for (let partition = 0; partition < topic.partitions; partition++)
      this.#put(topic, partition, keyLength, valueLength, headers);
  }

  #put(
    topic: TargetTopic,
    partition: number,
    keyLength: number,
    valueLength: number,
    headers: readonly MessageHeader[],
  ): void {
    const { key, value } = this;
    const isTaken = this.#batches?.add(
      topic,
      partition,
      this.#nowMs,
      key.buffer,
      keyLength,
      value.buffer,
      valueLength,
      headers,
    );
    if (isTaken === true) return;
    const { name, maxBatchBytes } = topic;
    const bytes = Math.max(0, keyLength) + Math.max(0, valueLength);
    throw new MillraceError(
      "MR_SINK_ROW_REFUSED",
      `the message has ${bytes} bytes, and topic ${name} takes batches of ${maxBatchBytes} (the lower one of its max.message.bytes and properties.max.request.size)`,
      {
        facts: { bytes, maxBatchBytes },
        remedy:
          "Raise max.message.bytes of the topic and properties.max.request.size, or leave large columns out; then replay the letter.",
      },
    );
  }
}
