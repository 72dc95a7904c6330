import type { Transaction } from "../model/change.ts";
import type { Origin, OriginValue, SourceBlock } from "../model/source-block.ts";
import { type ByteWriter, Constant } from "./byte-writer.ts";

const NOTHING = new Constant("");

/** A part of the block: bytes that stay the same within a transaction, or a field that each change has anew. */
type Part = { readonly fields: readonly number[] } | { readonly change: number };

/** A field that each change has anew: as a whole, or only the number in its text. */
interface Varying {
  readonly index: number;
  readonly isNumberIn: boolean;
}

/**
 * Writes `source` of one source table as JSON, behind a text that is always the same.
 *
 * Hot: what does not vary within a transaction is kept as bytes until another one comes.
 */
export class SourceJson {
  readonly #block: SourceBlock;
  readonly #before: string;
  readonly #parts: readonly Part[];
  readonly #names: readonly string[];
  /** Each stands before the field of the same place; one more is at the end. */
  #constants: readonly Constant[] = [];
  #fields: readonly Varying[] = [];
  #transaction: Transaction | null | undefined = undefined;
  #hasPlace = false;
  #op = "";
  #nowMs = -1;

  constructor(block: SourceBlock, before = "") {
    this.#block = block;
    this.#before = before;
    this.#names = block.fields.map(({ name }, i) => `${i === 0 ? "{" : ","}"${name}":`);
    this.#parts = partsOf(block);
  }

  write(origin: Origin, out: ByteWriter): void {
    if (this.#isStale(origin)) this.#renew(origin);
    const constants = this.#constants;
    const fields = this.#fields;
    for (let i = 0; i < constants.length; i++) {
      out.constant(constants[i] ?? NOTHING);
      const field = fields[i];
      if (field === undefined) return;
      if (field.isNumberIn) out.integer(this.#block.numberIn?.(field.index, origin) ?? 0);
      else writeOriginValue(this.#block, field.index, origin, out);
    }
  }

  /** Rows that were loaded, and the log's; the first ones have no transaction, and the time that they are written at. */
  #isStale({ transaction, op, nowMs, position }: Origin): boolean {
    if (transaction !== this.#transaction || (position !== null) !== this.#hasPlace) return true;
    return (op === "r") !== (this.#op === "r") || (transaction === null && nowMs !== this.#nowMs);
  }

  #renew(origin: Origin): void {
    this.#transaction = origin.transaction;
    this.#hasPlace = origin.position !== null;
    this.#op = origin.op;
    this.#nowMs = origin.nowMs;
    const constants: Constant[] = [];
    const fields: Varying[] = [];
    let text = this.#before;
    for (const part of this.#parts) {
      if ("fields" in part) text += part.fields.map((index) => this.#field(index, origin)).join("");
      // What each change has anew says where it is in the log, and rows of loads are nowhere.
      else if (!this.#hasPlace) text += this.#field(part.change, origin);
      else {
        const index = part.change;
        const around = this.#block.around?.(index, origin) ?? null;
        const [before, behind] = around === null ? ["", ""] : quoted(around);
        constants.push(new Constant(`${text}${this.#names[index] ?? ""}${before}`));
        fields.push({ index, isNumberIn: around !== null });
        text = behind;
      }
    }
    constants.push(new Constant(`${text}}`));
    this.#constants = constants;
    this.#fields = fields;
  }

  #field(index: number, origin: Origin): string {
    const value = this.#block.value(index, origin);
    return `${this.#names[index] ?? ""}${originText(value, this.#block.fields[index]?.type === "int64")}`;
  }
}

/** The two halves of a text in JSON. */
function quoted([before, behind]: readonly [string, string]): readonly [string, string] {
  return [JSON.stringify(before).slice(0, -1), JSON.stringify(behind).slice(1)];
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
