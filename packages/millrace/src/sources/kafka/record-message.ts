import { ScannedBytes } from "../../formats/scanned-bytes.ts";
import { RecordCursor, type RecordBatch } from "../../kafka/record-reader.ts";
import type { Message } from "./message-items.ts";
import type { EpochMark } from "./position.ts";

/** Hot: the records of a batch as messages, one after the other, without an object for each. */
export class RecordMessage implements Message {
  readonly bytes: ScannedBytes;
  readonly keyBytes: ScannedBytes;
  readonly epoch: EpochMark | null;
  offset = 0;
  timeMs = 0;
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  readonly #cursor: RecordCursor;

  constructor(batch: RecordBatch) {
    this.#cursor = new RecordCursor(batch);
    // Of all positions in the batch.
    this.epoch = batch.leaderEpoch < 0 ? null : { epoch: batch.leaderEpoch };
    this.bytes = new ScannedBytes(this.#cursor.bytes);
    this.keyBytes = this.bytes;
  }

  /** Whether there is another one, which it is from now on. @throws KafkaFault `corrupt` */
  next(): boolean {
    const cursor = this.#cursor;
    if (!cursor.next()) return false;
    this.offset = cursor.offset;
    this.timeMs = cursor.timeMs;
    this.keyStart = cursor.keyStart;
    this.keyEnd = cursor.keyEnd;
    this.valueStart = cursor.valueStart;
    this.valueEnd = cursor.valueEnd;
    return true;
  }
}
