import type { StateEntry, Write } from "../model/sink.ts";
import type { Committer } from "./committer.ts";
import { entry } from "./state-documents.ts";

/**
 * A document as it will be when its transaction is sent: what is written is never older than what somebody else has
 * written meanwhile. Null deletes.
 */
export interface LiveDocument {
  readonly key: string;
  readonly read: () => object | null;
}

/** Documents on their way in a transaction of rows. */
export interface StateRide {
  readonly entries: readonly StateEntry[];
  /** They are durable. */
  readonly landed: () => void;
  /** That transaction is none: they wait for another one. */
  readonly stayed: () => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface StateWriterParts {
  readonly committer: Pick<Committer, "commit">;
  /** Rows of lane 0 are in a transaction, or about to be: {@link StateWriter.rested} is called when they are no more. */
  readonly sendsRows: () => boolean;
  /** A transaction failed for good: the run is over. */
  readonly failed: (error: unknown) => void;
}

/** Documents of one transaction at most (I10). */
export const MAX_STATE_ENTRIES = 400;

/**
 * Writes state documents in transactions of lane 0, apart from its batches: whoever waits for one may itself be in a
 * lane, at a meeting or in the middle of a batch. Documents that wait at the same time leave together. What nobody in a lane
 * waits for may go with rows: a transaction by itself takes a topic's sink as long as one of hundreds of rows.
 */
export class StateWriter {
  readonly #parts: StateWriterParts;
  readonly #documents = new Map<string, LiveDocument>();
  readonly #marks: Write[] = [];
  #waiting: Waiting[] = [];
  #leaving: Waiting[] = [];
  #riding: Waiting[] = [];
  #writing = false;
  #ended: { readonly error: unknown } | null = null;

  constructor(parts: StateWriterParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the documents, as they are now or newer, are durable; rejects when the run ends before. `marks` are told
   * in the transaction that has them: not before what waits with them, such as the end of a chunk.
   */
  write(documents: readonly LiveDocument[], marks: readonly Write[] = []): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended.error);
    const done = this.#add(documents, marks);
    if (!this.#writing) void this.#work();
    return done;
  }

  /** The same of documents that nobody in a lane waits for: as long as rows go, with the next of these. */
  writeWithRows(documents: readonly LiveDocument[]): Promise<void> {
    if (!this.#parts.sendsRows()) return this.write(documents);
    return this.#ended === null ? this.#add(documents, []) : Promise.reject(this.#ended.error);
  }

  /** No rows go any more that documents could go with. */
  rested(): void {
    if (!this.#writing && this.#documents.size > 0) void this.#work();
  }

  /**
   * What waits for rows, for a transaction of lane 0 that has these documents of its own; null where nothing does. Asked when
   * nothing can come between that transaction and the sink.
   */
  ride(own: readonly StateEntry[]): StateRide | null {
    if (this.#writing || this.#documents.size === 0) return null;
    if (own.some(({ key }) => this.#documents.has(key))) return null;
    const before = [...this.#documents.values()];
    const entries = this.#take();
    this.#riding = this.#leaving;
    this.#leaving = [];
    return {
      entries,
      landed: () => this.#riding.splice(0).forEach(({ resolve }) => resolve()),
      stayed: () => this.#stayed(before),
    };
  }

  /** What came meanwhile is newer. */
  #stayed(documents: readonly LiveDocument[]): void {
    for (const document of documents)
      if (!this.#documents.has(document.key)) this.#documents.set(document.key, document);
    this.#waiting.unshift(...this.#riding.splice(0));
    if (this.#ended !== null) this.end(this.#ended.error);
  }

  #add(documents: readonly LiveDocument[], marks: readonly Write[]): Promise<void> {
    this.#marks.push(...marks);
    for (const document of documents) {
      this.#documents.delete(document.key);
      this.#documents.set(document.key, document);
    }
    return new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The run ends: nobody waits for ever. */
  end(error: unknown): void {
    this.#ended ??= { error };
    this.#tell((waiting) => waiting.reject(error));
    for (const waiting of [...this.#riding, ...this.#waiting]) waiting.reject(error);
    this.#riding = [];
    this.#waiting = [];
    this.#documents.clear();
  }

  async #work(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#documents.size > 0) {
        const state = (): StateEntry[] => this.#take();
        await this.#parts.committer.commit([0], {
          writes: [],
          marks: () => this.#takeMarks(),
          state,
          deadLetters: [],
          superseded: [],
        });
        this.#tell((waiting) => waiting.resolve());
      }
    } catch (thrown) {
      this.end(thrown);
      this.#parts.failed(thrown);
    } finally {
      this.#writing = false;
    }
  }

  /** Asked just before the documents: they go with the last of them. */
  #takeMarks(): readonly Write[] {
    return this.#documents.size > MAX_STATE_ENTRIES ? [] : this.#marks.splice(0);
  }

  /** Called once per transaction, when nothing can come between it and the sink. */
  #take(): StateEntry[] {
    const all = [...this.#documents.values()].map(({ key, read }) => entry(key, read()));
    const taken = all.sort((a, b) => rank(a) - rank(b)).slice(0, MAX_STATE_ENTRIES);
    for (const { key } of taken) this.#documents.delete(key);
    if (this.#documents.size === 0) {
      this.#leaving = this.#waiting;
      this.#waiting = [];
    }
    return taken;
  }

  #tell(how: (waiting: Waiting) => void): void {
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const waiting of leaving) how(waiting);
  }
}

/**
 * Where all do not fit into one transaction: a chunk's document is there before the table's says that it was planned,
 * and the table's end position before the chunk's document goes.
 */
function rank({ key, value }: StateEntry): number {
  if (value === null) return 2;
  return key.startsWith("table/") ? 1 : 0;
}
