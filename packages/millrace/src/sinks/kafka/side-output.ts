import { MillraceError } from "../../errors/millrace-error.ts";
import { ByteWriter } from "../../formats/byte-writer.ts";
import { type ConnectSchema, schemaJson } from "../../formats/connect-schema.ts";
import type { MessageHeader } from "../../formats/format.ts";
import type { MessageSchemas } from "../../formats/meta-schemas.ts";
import type { BatchSender } from "./batch-sender.ts";
import type { BatchPlace } from "./transaction-batches.ts";

const NO_HEADERS: readonly MessageHeader[] = [];

/** Where messages beside those of tables go: one partition, in the transaction of what they tell of. */
export class SideOutput {
  readonly key = new ByteWriter(256);
  readonly value = new ByteWriter(1024);
  readonly #sender: BatchSender;
  readonly #place: BatchPlace;
  readonly #schemas: (() => MessageSchemas) | null;
  #whole: { readonly key: WithSchema; readonly value: WithSchema } | null = null;

  /**
   * With `schemas` they stand before each key and value, as Kafka Connect's JSON converter has it. They are asked for with the first
   * message: which server a source has is not known before.
   */
  constructor(
    sender: BatchSender,
    place: BatchPlace,
    schemas: (() => MessageSchemas) | null = null,
  ) {
    this.#sender = sender;
    this.#place = place;
    this.#schemas = schemas;
  }

  /** Takes what both writers hold as one message, and clears them. Without value it is a tombstone. */
  message(nowMs: number, hasValue = true, headers: readonly MessageHeader[] = NO_HEADERS): void {
    const whole = this.#withSchemas();
    const key = whole?.key.around(this.key) ?? this.key;
    const value = whole?.value.around(this.value) ?? this.value;
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
    this.key.clear();
    this.value.clear();
    if (isTaken) return;
    throw new MillraceError(
      "MR_SINK_REFUSED",
      `a message for topic ${this.#place.name} is larger than its batches of ${this.#place.maxBatchBytes} bytes`,
      { remedy: "Raise max.message.bytes of the topic and properties.max.request.size." },
    );
  }

  #withSchemas(): { readonly key: WithSchema; readonly value: WithSchema } | null {
    if (this.#schemas === null || this.#whole !== null) return this.#whole;
    const { key, value } = this.#schemas();
    this.#whole = { key: new WithSchema(key), value: new WithSchema(value) };
    return this.#whole;
  }
}

/** Writes documents with their schema in front. */
class WithSchema {
  readonly #before: string;
  readonly #whole = new ByteWriter(1024);

  constructor(schema: ConnectSchema) {
    this.#before = `{"schema":${JSON.stringify(schemaJson(schema))},"payload":`;
  }

  /** Good until the next one. */
  around(payload: ByteWriter): ByteWriter {
    const whole = this.#whole;
    whole.clear();
    whole.utf8(this.#before);
    whole.bytes(payload.written());
    whole.ascii("}");
    return whole;
  }
}
