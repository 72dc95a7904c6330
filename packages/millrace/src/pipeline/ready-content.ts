import type { Clock } from "../model/ports.ts";
import type { Sink, Write } from "../model/sink.ts";
import { BatchContent } from "./batch-content.ts";
import { addEvents } from "./batch-events.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { RowItem } from "./lane-item.ts";
import type { TaskObserver } from "./observer.ts";

interface ReadyParts {
  readonly sink: Pick<Sink, "capabilities">;
  readonly book: DeadLetterBook;
  readonly observer: TaskObserver;
  readonly clock: Clock;
}

interface Made {
  readonly items: readonly RowItem[];
  readonly content: BatchContent;
}

/**
 * What the next transaction is going to carry, made while the last one is under way. Only what nothing can change meanwhile: no
 * dead letter stands whose place a row could take, no row does not fit, and none has to be asked for at the source.
 */
export class ReadyContent {
  readonly #parts: ReadyParts;
  #made: Made | null = null;

  constructor(parts: ReadyParts) {
    this.#parts = parts;
  }

  /** What a sink is told of these rows; null where that has to wait for their turn. */
  make(items: readonly RowItem[] | null): Write | null {
    const { sink, book } = this.#parts;
    this.#made = null;
    if (items === null || sink.capabilities.lastWriteWins || book.size > 0) return null;
    if (items.some(({ write }) => write === "patch")) return null;
    const content = new BatchContent(this.#parts);
    if (addEvents(content, items, new Map(), false) !== null) return null;
    this.#made = { items, content };
    return content.writes[0] ?? null;
  }

  /** The content of just these rows, where it was made and holds still. */
  take(items: readonly RowItem[]): BatchContent | null {
    const made = this.#made;
    this.#made = null;
    if (made === null || this.#parts.book.size > 0) return null;
    const isSame =
      made.items.length === items.length && made.items.every((item, i) => item === items[i]);
    return isSame ? made.content : null;
  }
}
