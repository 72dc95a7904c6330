import type { MessageHeader, MessageOutput, MessageRow } from "./format.ts";
import { ByteWriter } from "./byte-writer.ts";
import { LoggedChange } from "../model/logged-change.ts";
import { RowLine } from "../model/row-line.ts";
import type { Row } from "../model/value.ts";

/** A message as a test reads it; JSON is parsed where it is JSON. */
export interface ReadMessage {
  readonly key: string | null;
  readonly value: string | null;
  readonly keyBytes: Uint8Array | null;
  readonly valueBytes: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly row: Row | null;
}

/** Keeps messages. */
export class MessageList implements MessageOutput {
  readonly key = new ByteWriter(16);
  readonly value = new ByteWriter(16);
  readonly messages: ReadMessage[] = [];

  message(
    hasKey: boolean,
    hasValue: boolean,
    row: MessageRow | null,
    headers: readonly MessageHeader[],
  ): void {
    const keyBytes = hasKey ? Uint8Array.from(this.key.written()) : null;
    const valueBytes = hasValue ? Uint8Array.from(this.value.written()) : null;
    this.messages.push({
      key: keyBytes === null ? null : Buffer.from(keyBytes).toString("utf8"),
      value: valueBytes === null ? null : Buffer.from(valueBytes).toString("utf8"),
      keyBytes,
      valueBytes,
      row: valuesOf(row),
      headers: Object.fromEntries(
        headers.map(({ name, value }) => [name, Buffer.from(value).toString("utf8")]),
      ),
    });
    this.key.clear();
    this.value.clear();
  }
}

function valuesOf(row: MessageRow | null): Row | null {
  if (row instanceof RowLine) return row.read().after;
  return row instanceof LoggedChange ? (row.after ?? row.before) : row;
}
