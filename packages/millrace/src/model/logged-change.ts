import { Change, type Op, type Transaction } from "./change.ts";
import type { Position } from "./position.ts";
import { imageRow, type RowImages } from "./row-image.ts";
import type { TableShape } from "./table.ts";
import type { Row } from "./value.ts";

/**
 * A change whose rows are still the bytes that its source's log has of them: whole rows of a table with a key, which it has not
 * changed, no value of it skimmed. A {@link Change} to who asks for values: they are made anew each time.
 *
 * Hot: one per row of such a log.
 */
export class LoggedChange {
  readonly kind = "change";
  readonly op: Op;
  /** Canonical text of its key, as {@link Source.keyText} gives it. */
  readonly key: string;
  readonly images: RowImages;
  /** Where the image of the old row begins; -1 where there is none. */
  readonly old: number;
  /** The same of the new row. */
  readonly now: number;
  readonly position: Position;
  readonly transaction: Transaction | null;
  /** What it weighs against the byte budget, bytes. */
  readonly bytes: number;

  constructor(
    op: Op,
    key: string,
    images: RowImages,
    old: number,
    now: number,
    position: Position,
    transaction: Transaction | null,
    bytes: number,
  ) {
    this.op = op;
    this.key = key;
    this.images = images;
    this.old = old;
    this.now = now;
    this.position = position;
    this.transaction = transaction;
    this.bytes = bytes;
  }

  get shape(): TableShape {
    return this.images.layout.shape;
  }

  get before(): Row | null {
    return this.old < 0 ? null : imageRow(this.images, this.old);
  }

  get after(): Row | null {
    return this.now < 0 ? null : imageRow(this.images, this.now);
  }

  get movedFrom(): null {
    return null;
  }

  get unsure(): boolean {
    return false;
  }

  /** The same with its values, which it keeps. */
  read(): Change {
    const { op, shape, before, after, position, transaction, bytes } = this;
    return new Change(op, shape, before, after, position, null, transaction, bytes);
  }
}
