import type { Transaction } from "../model/change.ts";
import type { Origin, OriginValue, SourceBlock } from "../model/source-block.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** A part of the block: bytes that stay the same within a transaction, or a field that each change has anew. */
type Part = { readonly fields: readonly number[] } | { readonly change: number };

/**
 * Writes `source` of one source table as JSON.
 *
 * Hot: what does not vary within a transaction is kept as bytes until another one comes.
 */
export class SourceJson {
  readonly #block: SourceBlock;
  readonly #parts: readonly Part[];
  readonly #names: readonly string[];
  #pieces: readonly (Uint8Array | number)[] = [];
  #transaction: Transaction | null | undefined = undefined;
  #op = "";
  #nowMs = -1;

  constructor(block: SourceBlock) {
    this.#block = block;
    this.#names = block.fields.map(({ name }, i) => `${i === 0 ? "{" : ","}"${name}":`);
    this.#parts = partsOf(block);
  }

  write(origin: Origin, out: ByteWriter): void {
    if (this.#isStale(origin)) this.#renew(origin);
    for (const piece of this.#pieces) {
      if (typeof piece === "number") writeOriginValue(this.#block, piece, origin, out);
      else out.bytes(piece);
    }
  }

  /** Rows that were loaded, and the log's; the first ones have no transaction, and the time that they are written at. */
  #isStale({ transaction, op, nowMs }: Origin): boolean {
    if (transaction !== this.#transaction) return true;
    return (op === "r") !== (this.#op === "r") || (transaction === null && nowMs !== this.#nowMs);
  }

  #renew(origin: Origin): void {
    this.#transaction = origin.transaction;
    this.#op = origin.op;
    this.#nowMs = origin.nowMs;
    const pieces: (Uint8Array | number)[] = [];
    let text = "";
    for (const part of this.#parts) {
      if ("fields" in part) text += part.fields.map((index) => this.#field(index, origin)).join("");
      else {
        text += this.#names[part.change] ?? "";
        pieces.push(Buffer.from(text), part.change);
        text = "";
      }
    }
    pieces.push(Buffer.from(`${text}}`));
    this.#pieces = pieces;
  }

  #field(index: number, origin: Origin): string {
    const value = this.#block.value(index, origin);
    return `${this.#names[index] ?? ""}${originText(value, this.#block.fields[index]?.type === "int64")}`;
  }
}

function partsOf({ fields }: SourceBlock): readonly Part[] {
  const parts: Part[] = [];
  let still: number[] = [];
  for (const [i, { varies }] of fields.entries()) {
    if (varies !== "change") still.push(i);
    else {
      parts.push({ fields: still }, { change: i });
      still = [];
    }
  }
  parts.push({ fields: still });
  return parts;
}

function originText(value: OriginValue, isNumber: boolean): string {
  return isNumber && typeof value === "string" ? value : JSON.stringify(value);
}

function writeOriginValue(
  block: SourceBlock,
  index: number,
  origin: Origin,
  out: ByteWriter,
): void {
  const value = block.value(index, origin);
  if (typeof value === "number") out.integer(value);
  else if (typeof value === "string" && block.fields[index]?.type !== "int64")
    out.jsonString(value);
  else out.ascii(String(value));
}
