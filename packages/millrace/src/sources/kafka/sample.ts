import { MillraceError } from "../../errors/millrace-error.ts";
import { MessageReader, type ReaderOptions } from "../../formats/message-reader.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { committedBatches, offsetBehind } from "../../kafka/committed-batches.ts";
import { EARLIEST, fetchPartition, LATEST, offsetAt } from "../../kafka/partition.ts";
import type { TopicPartition } from "../../kafka/wire.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { EncodedColumns } from "./encoded-columns.ts";
import type { Message } from "./message-items.ts";
import { RecordMessage } from "./record-message.ts";

/** Messages that are looked at to learn what a partition is about. */
const SAMPLE_MESSAGES = 1_000;
const SAMPLE_FETCHES = 8;
const LIMITS = { maxBytes: 1_048_576, maxWaitMs: 50, isLent: true };

/** What the first messages of a partition tell; nothing is kept of their rows. */
export interface Sample {
  /** The tables that they are about, each in the last shape that was seen. */
  readonly shapes: readonly TableShape[];
  /** Columns whose texts look like bytes that a connector has written. */
  readonly encoded: EncodedColumns;
  /** The first message that cannot be read; null where all can. */
  readonly unreadable: Unreadable | null;
}

interface Unreadable {
  readonly offset: number;
  readonly why: string;
}

/** See {@link Sample}. @throws KafkaFault */
export async function sampleTables(
  cluster: Cluster,
  at: TopicPartition,
  reading: ReaderOptions,
): Promise<Sample> {
  const shapes = new Map<TableId, TableShape>();
  const encoded = new EncodedColumns();
  const reader = new MessageReader(reading);
  const end = await offsetAt(cluster, at, LATEST, "committed");
  let offset = await offsetAt(cluster, at, EARLIEST, "uncommitted");
  let left = SAMPLE_MESSAGES;
  let unreadable: Unreadable | null = null;
  for (let fetches = 0; offset < end && left > 0 && fetches < SAMPLE_FETCHES; fetches++) {
    const answer = await fetchPartition(cluster, at, offset, LIMITS);
    for (const batch of committedBatches(answer)) {
      const message = new RecordMessage(batch);
      while (left > 0 && message.next()) {
        left--;
        const why = see(reader, message, shapes, encoded);
        if (why !== null) unreadable ??= { offset: message.offset, why };
      }
    }
    const behind = offsetBehind(answer, offset);
    cluster.giveBack(answer.records);
    if (behind === offset) break;
    offset = behind;
  }
  return { shapes: [...shapes.values()], encoded, unreadable };
}

/** Why the message cannot be read, which its log tells again when its turn comes; null where it can. */
function see(
  reader: MessageReader,
  message: Message,
  shapes: Map<TableId, TableShape>,
  encoded: EncodedColumns,
): string | null {
  try {
    const read = reader.readAt(message);
    if (read.kind !== "change") return null;
    shapes.set(read.shape.id, read.shape);
    if (!reader.hasSchema && read.after !== null) encoded.see(read.shape, read.after);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.code !== "MR_MESSAGE_UNREADABLE") return null;
    return thrown.detail;
  }
}
