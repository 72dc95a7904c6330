/** More are not kept (I10): the oldest ones are let go. */
const MOST_SAVEPOINTS = 10_000;

/** The savepoints of a group, and what stood where they were set. */
export class Savepoints<Mark> {
  /** In the order of the log. */
  readonly #marks = new Map<string, Mark>();

  begin(): void {
    this.#marks.clear();
  }

  set(name: string, mark: Mark): void {
    const key = keyOf(name);
    // One of the same name takes the place of the one before.
    this.#marks.delete(key);
    this.#marks.set(key, mark);
    const [oldest] = this.#marks.size > MOST_SAVEPOINTS ? this.#marks.keys() : [];
    if (oldest !== undefined) this.#marks.delete(oldest);
  }

  /** All that were set behind it are gone. Null where it is not known. */
  backTo(name: string): Mark | null {
    const key = keyOf(name);
    const mark = this.#marks.get(key);
    if (mark === undefined) return null;
    for (const each of [...this.#marks.keys()].toReversed()) {
      if (each === key) break;
      this.#marks.delete(each);
    }
    return mark;
  }

  /** The first of which this is true; null where none is kept. */
  where(isWanted: (mark: Mark) => boolean): Mark | null {
    for (const mark of this.#marks.values()) if (isWanted(mark)) return mark;
    return null;
  }
}

/** Their case means nothing. */
function keyOf(name: string): string {
  return name.trim().replaceAll("`", "").toLowerCase();
}
