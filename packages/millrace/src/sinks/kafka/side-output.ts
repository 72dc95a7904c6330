import { MillraceError } from "../../errors/millrace-error.ts";
import { ByteWriter } from "../../formats/byte-writer.ts";
import type { MessageHeader } from "../../formats/format.ts";
import type { BatchSender } from "./batch-sender.ts";
import type { BatchPlace } from "./transaction-batches.ts";

const NO_HEADERS: readonly MessageHeader[] = [];

/** Where messages beside those of tables go: one partition, in the transaction of what they tell of. */
export class SideOutput {
  readonly key = new ByteWriter(256);
  readonly value = new ByteWriter(1024);
  readonly #sender: BatchSender;
  readonly #place: BatchPlace;

  constructor(sender: BatchSender, place: BatchPlace) {
    this.#sender = sender;
    this.#place = place;
  }

  /** Takes what both writers hold as one message, and clears them. Without value it is a tombstone. */
  message(nowMs: number, hasValue = true, headers: readonly MessageHeader[] = NO_HEADERS): void {
    const { key, value } = this;
    const length = hasValue ? value.length : -1;
    const isTaken = this.#sender.add(
      this.#place,
      0,
      nowMs,
      key.buffer,
      key.length,
      value.buffer,
      length,
      headers,
    );
    key.clear();
    value.clear();
    if (isTaken) return;
    throw new MillraceError(
      "MR_SINK_REFUSED",
      `a message for topic ${this.#place.name} is larger than its batches of ${this.#place.maxBatchBytes} bytes`,
      { remedy: "Raise max.message.bytes of the topic and properties.max.request.size." },
    );
  }
}
