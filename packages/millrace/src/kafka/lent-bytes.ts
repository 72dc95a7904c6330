/**
 * Bytes for large answers, lent and used again: V8 collects its whole old generation for what bytes outside of its heap grow by,
 * and a topic that is read makes twice its own size of them otherwise.
 */

/** Smaller ones are bytes of their own: what is kept for small answers would be lost for large ones. */
export const LEAST_LENT_BYTES = 65_536;
/** What is made is a multiple of this, so that answers that are nearly of a size share. */
const STEP_BYTES = 131_072;
/** What is kept for who comes next, of all connections of the process (I10). */
const MAX_KEPT_BYTES = 16 * 2 ** 20;
/** What nobody has needed for this long is let go of. */
const NEED_MS = 5_000;

/** When to look what was not needed; gives what ends it. */
export type Repeatedly = (ms: number, work: () => void) => () => void;

/** Lends bytes. Whoever has some gives them back, or forgets them: then they are collected like any others. */
export class ByteLender {
  readonly #repeatedly: Repeatedly;
  /** Given back; the last ones last. */
  #kept: Buffer[] = [];
  /** So many of them, the first ones, nobody has needed since the last look. */
  #unneeded = 0;
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #stop: (() => void) | null = null;

  constructor(repeatedly: Repeatedly = inBackground) {
    this.#repeatedly = repeatedly;
  }

  /** So many bytes, whatever is in them. */
  lend(length: number): Buffer {
    if (length < LEAST_LENT_BYTES) return Buffer.allocUnsafeSlow(length);
    const whole = this.#taken(length) ?? made(length);
    this.#lent.add(whole.buffer);
    return whole.subarray(0, length);
  }

  /** These bytes, or any part of them: from now on they may be anybody's. Of bytes that nobody has lent nothing becomes. */
  giveBack({ buffer }: Buffer): void {
    // Once: what is given back twice would be lent twice.
    if (!this.#lent.delete(buffer)) return;
    this.#kept.push(Buffer.from(buffer));
    while (this.keptBytes > MAX_KEPT_BYTES) this.#drop(1);
    this.#stop ??= this.#repeatedly(NEED_MS, () => this.#look());
  }

  /** What is lent to nobody at the moment. */
  get keptBytes(): number {
    return this.#kept.reduce((sum, { length }) => sum + length, 0);
  }

  /** The smallest that are large enough, but none that are too large: a thousand small answers would hold as many large ones. */
  #taken(length: number): Buffer | null {
    let best = -1;
    for (const [at, { length: has }] of this.#kept.entries())
      if (has >= length && has <= 2 * length + STEP_BYTES)
        if (best < 0 || has <= (this.#kept[best]?.length ?? 0)) best = at;
    const [taken] = best < 0 ? [] : this.#kept.splice(best, 1);
    this.#unneeded = Math.min(this.#unneeded, this.#kept.length);
    return taken ?? null;
  }

  #look(): void {
    this.#drop(this.#unneeded);
    this.#unneeded = this.#kept.length;
    if (this.#unneeded > 0) return;
    this.#stop?.();
    this.#stop = null;
  }

  #drop(count: number): void {
    this.#kept.splice(0, count);
    this.#unneeded = Math.max(0, this.#unneeded - count);
  }
}

/** Of the process: its connections read in turns. */
export const fetchedBytes = new ByteLender();

/** Not of Node's pool, which others have parts of. */
function made(length: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.ceil(length / STEP_BYTES) * STEP_BYTES);
}

function inBackground(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms).unref();
  return () => clearInterval(timer);
}
