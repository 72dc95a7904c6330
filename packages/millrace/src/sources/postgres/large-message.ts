import { LargeRowDecoder } from "./large-row-decoder.ts";
import type { RowEvent } from "./pgoutput-decoder.ts";
import type { RowPlan } from "./row-plan.ts";

/** A row whose message was too large to be held, as it came in. */
export interface LargeRow {
  readonly tag: number;
  readonly plan: RowPlan;
  readonly event: RowEvent;
}

/** A message that comes in pieces. Its head is the caller's; the rest is a row's, or skipped. */
export class LargeMessage {
  readonly #buffer: Buffer;
  readonly #headBytes: number;
  readonly #limits: { readonly maxValueBytes: number; readonly maxRowBytes: number };
  #row: { readonly tag: number; readonly plan: RowPlan; readonly decoder: LargeRowDecoder } | null =
    null;
  /** Bytes of the head that are still to come. */
  #headLeft = 0;

  constructor(
    buffer: Buffer,
    headBytes: number,
    limits: { readonly maxValueBytes: number; readonly maxRowBytes: number },
  ) {
    this.#buffer = buffer;
    this.#headBytes = headBytes;
    this.#limits = limits;
  }

  /** A message whose pieces are all skipped, unless {@link expect} follows. */
  begin(): void {
    this.#row = null;
    this.#headLeft = this.#headBytes;
  }

  /** Its row is wanted. */
  expect(tag: number, plan: RowPlan, totalBytes: number): void {
    const decoder = new LargeRowDecoder(tag, plan, totalBytes - this.#headBytes, this.#limits);
    this.#row = { tag, plan, decoder };
  }

  /** Takes in the next piece. */
  push(start: number, end: number): void {
    const skipped = Math.min(this.#headLeft, end - start);
    this.#headLeft -= skipped;
    this.#row?.decoder.push(this.#buffer, start + skipped, end);
  }

  /** The message is in whole; null where its row was not wanted. */
  end(): LargeRow | null {
    const row = this.#row;
    this.#row = null;
    return row === null ? null : { tag: row.tag, plan: row.plan, event: row.decoder.finish() };
  }
}
