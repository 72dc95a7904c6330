import { decodeRotate } from "./log-events.ts";
import { EventType } from "./event-types.ts";
import { type GroupOutcome, NOT_COMMITTED, readOutcome } from "./group-outcome.ts";
import type { FoundEvent } from "./log-probe.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";

/** What lies between two groups that are asked for is passed by up to here, bytes: a session costs about as much. */
const MOST_PASSED_BYTES = 4_194_304;
const NOWHERE: LogOffset = { file: 0, at: 0 };

/**
 * Reads ahead what becomes of groups, in a dump beside the log's own that is kept: where large transactions follow each
 * other, the next one is where the last one ended.
 */
export class Scout {
  readonly #eventsAt: (place: LogOffset) => AsyncGenerator<FoundEvent>;
  #events: AsyncGenerator<FoundEvent> | null = null;
  /** Behind the last event that was read; where nobody can say, behind all others of the file. */
  #at: LogOffset = NOWHERE;

  constructor(eventsAt: (place: LogOffset) => AsyncGenerator<FoundEvent>) {
    this.#eventsAt = eventsAt;
  }

  /** What becomes of the group that begins there. @throws MillraceError */
  async outcome(group: LogOffset): Promise<GroupOutcome> {
    try {
      const kept = this.#isNear(group) ? await this.#read(group) : null;
      if (kept !== null) return kept;
    } catch {
      // The server may have ended a dump that waited for long: what is wrong with the log a new one says too.
    }
    await this.close();
    this.#events = this.#eventsAt(group);
    return (await this.#read(group)) ?? NOT_COMMITTED;
  }

  /**
   * The log's own reader is here. What it has left behind nobody asks for again, and a dump that waits there would keep the
   * server from purging its files.
   */
  passed({ file, at }: LogOffset): void {
    if (this.#events === null) return;
    const isBehind = file > this.#at.file || at - this.#at.at > MOST_PASSED_BYTES;
    if (isBehind) void this.close();
  }

  /** Ends the dump, if there is one; never throws. */
  async close(): Promise<void> {
    const events = this.#events;
    this.#events = null;
    this.#at = NOWHERE;
    await events?.return(undefined).catch(() => undefined);
  }

  #isNear(group: LogOffset): boolean {
    const passedBytes = group.at - this.#at.at;
    const isHere = this.#events !== null && this.#at.file === group.file;
    return isHere && passedBytes >= 0 && passedBytes <= MOST_PASSED_BYTES;
  }

  #read(group: LogOffset): Promise<GroupOutcome | null> {
    return readOutcome(this.#from(group), group);
  }

  /** Who ends this ends no dump. */
  async *#from(group: LogOffset): AsyncGenerator<FoundEvent> {
    const events = this.#events;
    for (;;) {
      const next = await events?.next();
      if (next === undefined || next.done === true) return;
      const begins = this.#pass(next.value);
      if (begins === null || compareOffsets(begins, group) >= 0) yield next.value;
    }
  }

  /** Where the event begins; null where that does not matter: it lies in no file, or says which one follows. */
  #pass({ reader }: FoundEvent): LogOffset | null {
    const { type, endsAt, eventBytes, buffer, bodyStart, bodyEnd } = reader;
    if (type === EventType.ROTATE) {
      const { fileName, at } = decodeRotate(buffer, bodyStart, bodyEnd);
      this.#at = { file: Number(/\.(\d+)$/.exec(fileName)?.[1] ?? 0), at };
      return null;
    }
    if (endsAt === 0 || type === EventType.FORMAT_DESCRIPTION) return null;
    const { file, at } = this.#at;
    // A group that goes beyond 4 GiB, whose offsets are told modulo that, is the last of its file.
    this.#at = { file, at: endsAt > at ? endsAt : Infinity };
    return { file, at: endsAt - eventBytes };
  }
}
