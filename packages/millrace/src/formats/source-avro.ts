import type { Transaction } from "../model/change.ts";
import type { Origin, OriginValue, SourceBlock, SourceField } from "../model/source-block.ts";
import { writeLong, writeString } from "./avro-values.ts";
import { ByteWriter } from "./byte-writer.ts";

/** Writes `source` as an Avro record. Hot: what does not vary within a transaction is kept as bytes. */
export class SourceAvro {
  readonly #block: SourceBlock;
  #pieces: readonly (Uint8Array | number)[] = [];
  #transaction: Transaction | null | undefined = undefined;
  #isLoaded = false;
  #nowMs = -1;

  constructor(block: SourceBlock) {
    this.#block = block;
  }

  write(origin: Origin, out: ByteWriter): void {
    const { transaction, nowMs } = origin;
    const isLoaded = origin.op === "r";
    if (
      transaction !== this.#transaction ||
      isLoaded !== this.#isLoaded ||
      (transaction === null && nowMs !== this.#nowMs)
    ) {
      this.#transaction = transaction;
      this.#isLoaded = isLoaded;
      this.#nowMs = nowMs;
      this.#pieces = this.#render(origin);
    }
    for (const piece of this.#pieces) {
      if (typeof piece === "number") this.#field(piece, origin, out);
      else out.bytes(piece);
    }
  }

  #render(origin: Origin): readonly (Uint8Array | number)[] {
    const pieces: (Uint8Array | number)[] = [];
    const scratch = new ByteWriter(256);
    for (const [i, { varies }] of this.#block.fields.entries()) {
      if (varies === "change") {
        pieces.push(Uint8Array.from(scratch.written()), i);
        scratch.clear();
      } else this.#field(i, origin, scratch);
    }
    pieces.push(Uint8Array.from(scratch.written()));
    return pieces;
  }

  #field(index: number, origin: Origin, out: ByteWriter): void {
    const field = this.#block.fields[index];
    if (field !== undefined) writeField(field, this.#block.value(index, origin), out);
  }
}

/** A union begins with the type of its default; else with null. */
function writeField(field: SourceField, value: OriginValue, out: ByteWriter): void {
  const isNullFirst = field.default === undefined;
  if (field.optional) out.byte((value === null) === isNullFirst ? 0 : 2);
  if (value === null) {
    if (!field.optional) out.byte(0);
    return;
  }
  if (field.type === "string") writeString(String(value), out);
  else if (field.type === "boolean") out.byte(value === true ? 1 : 0);
  else writeLong(typeof value === "string" ? BigInt(value) : Number(value), out);
}
