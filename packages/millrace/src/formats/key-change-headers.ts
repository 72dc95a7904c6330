import type { Row } from "../model/value.ts";
import { ByteWriter } from "./byte-writer.ts";
import { messageHeader, type MessageHeader } from "./format.ts";
import type { KeyWriter } from "./key-format.ts";

const NEW_KEY = "__debezium.newkey";
const OLD_KEY = "__debezium.oldkey";

/** Says with the delete of an old key what the new one is, and with the creation of the new one what the old one was. */
export class KeyChangeHeaders {
  readonly #keys: KeyWriter;
  readonly #headers: readonly MessageHeader[];
  readonly #scratch = new ByteWriter(256);

  constructor(keys: KeyWriter, headers: readonly MessageHeader[]) {
    this.#keys = keys;
    this.#headers = headers;
  }

  ofDelete(newRow: Row): readonly MessageHeader[] {
    return this.#with(NEW_KEY, newRow);
  }

  ofCreate(oldRow: Row): readonly MessageHeader[] {
    return this.#with(OLD_KEY, oldRow);
  }

  #with(name: string, row: Row): readonly MessageHeader[] {
    this.#scratch.clear();
    if (!this.#keys.write(row, this.#scratch)) return this.#headers;
    return [...this.#headers, messageHeader(name, Uint8Array.from(this.#scratch.written()))];
  }
}
