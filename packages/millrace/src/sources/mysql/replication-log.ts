import { lostConnection } from "../../bytes/byte-source.ts";
import type { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch } from "../../model/change.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import { type EventReader, Framing } from "./event-reader.ts";
import { stepsOf } from "./event-steps.ts";
import { isCutShort, logError } from "./log-errors.ts";
import type { FoundEvent } from "./log-probe.ts";
import type { PreparedGroup } from "./position.ts";
import { preparedRows, recentRows } from "./prepared-rows.ts";
import { Scout } from "./scout.ts";
import type { TransactionAssembler } from "./transaction-assembler.ts";
import type { LogOffset } from "./transaction-id.ts";
import type { SoughtGroup } from "./xa-groups.ts";

/** What a log is made of. */
export interface MysqlLogParts {
  readonly clock: Clock;
  readonly reader: EventReader;
  readonly assembler: TransactionAssembler;
  readonly serverId: number;
  /** Begins to read a file of the log, by its number, in place of what was read before. */
  readonly readFile: (file: number) => Promise<EventReader>;
  /** The log from a place on to its present end, read beside this one. */
  readonly eventsAt: (place: LogOffset) => AsyncGenerator<FoundEvent>;
  /** Where the rows are of an XA transaction that was prepared before a place; null where the log does not reach back. */
  readonly preparedBefore: (sought: SoughtGroup) => Promise<PreparedGroup | null>;
  /** A batch is given once its items weigh this much, bytes. */
  readonly batchBytes: number;
  /** Of a group in doubt so much is held at most before it is read to its end beside this log, bytes (I10). */
  readonly heldBytes: number;
  /** A server that is waited for sends something at least so often (heartbeats), or is gone. */
  readonly silenceTimeoutMs: number;
}

/** How often it is looked whether the server still speaks, within the silence that is allowed. */
const LOOKS_PER_SILENCE = 4;
/**
 * The log of a server, pulled. Nothing is read while nobody asks, so that a slow sink is felt by the server and not by our
 * memory (I10). The server keeps nothing for us: nothing has to be acknowledged.
 */
export class MysqlLog implements SourceLog {
  readonly #parts: MysqlLogParts;
  #reader: EventReader;
  readonly #scout: Scout;
  readonly #stopping = new AbortController();
  /** Takes in an event that comes in pieces, step by step. */
  #steps: AsyncGenerator<void> | null = null;
  #failure: MillraceError | null = null;

  constructor(parts: MysqlLogParts) {
    this.#parts = parts;
    this.#reader = parts.reader;
    this.#scout = new Scout(parts.eventsAt);
    // Ends with the log.
    this.#watch().catch(() => undefined);
  }

  async next(): Promise<LogBatch> {
    if (this.#failure !== null) throw this.#failure;
    try {
      failpoint("mysql-log.before-batch");
      const batch = await this.#read();
      this.#scout.passed(this.#parts.assembler.place);
      failpoint("mysql-log.after-batch");
      return batch;
    } catch (error) {
      const { serverId, assembler } = this.#parts;
      throw this.#end(logError(error, serverId, assembler.place));
    }
  }

  acknowledge(_position: Position): void {
    // The server forgets by age and size, whoever has read.
  }

  close(): Promise<void> {
    this.#end(lostConnection("the log was closed"));
    return Promise.resolve();
  }

  async #read(): Promise<LogBatch> {
    for (;;) {
      try {
        return await this.#readOn();
      } catch (error) {
        if (!isCutShort(error)) throw error;
        await this.#passCut();
      }
    }
  }

  /** A server that died while it wrote has gone on in another file. */
  async #passCut(): Promise<void> {
    const { assembler, readFile } = this.#parts;
    const reader = await readFile(assembler.place.file + 1);
    this.#reader.destroy();
    this.#reader = reader;
    if (this.#failure !== null) reader.destroy();
  }

  async #readOn(): Promise<LogBatch> {
    const { assembler } = this.#parts;
    for (;;) {
      if (assembler.isOpen) await this.#resolve();
      const held = assembler.gathered.hasCut ? assembler.take() : null;
      if (held !== null) return held;
      await this.#takeSteps();
      const isEmpty = this.#steps === null && this.#drain();
      if (assembler.isOpen) continue;
      const batch = this.#steps === null || this.#isFull ? assembler.take() : null;
      if (batch !== null) return batch;
      if (this.#isFull) await this.#goOnHolding();
      else if (isEmpty) await this.#reader.fill();
    }
  }

  /** What is asked of tables holds whatever becomes of the group: nothing of it may be taken back then. */
  async #resolve(): Promise<void> {
    await this.#lookAhead();
    await this.#parts.assembler.resolve();
  }

  /** Its end is near in most cases: reading it twice costs a session, which is more than it takes to hold it. */
  async #goOnHolding(): Promise<void> {
    const { assembler, heldBytes } = this.#parts;
    if (assembler.gathered.gatheredBytes >= heldBytes) await this.#lookAhead();
    else assembler.gathered.cut();
  }

  /** A group that is too large to be held is read to its end once before, without its rows. */
  async #lookAhead(): Promise<void> {
    const { assembler } = this.#parts;
    const group = assembler.inDoubt;
    if (group === null) return;
    failpoint("mysql-log.look-ahead");
    assembler.learn(await this.#scout.outcome(group));
  }

  /** The log that was read begins between the two halves of it. */
  async *#seek(sought: SoughtGroup): AsyncGenerator<void> {
    const { assembler, preparedBefore } = this.#parts;
    yield* this.#replay(assembler.xa.found(await preparedBefore(sought)));
  }

  async *#replay(group: PreparedGroup): AsyncGenerator<void> {
    const { assembler, eventsAt } = this.#parts;
    failpoint("mysql-log.replay");
    const recent = assembler.xa.takeRecent();
    yield* recent === null
      ? preparedRows(eventsAt(group), group, assembler)
      : recentRows(recent, assembler);
    assembler.replayed();
  }

  get #isFull(): boolean {
    return this.#parts.assembler.gathered.bytes >= this.#parts.batchBytes;
  }

  async #takeSteps(): Promise<void> {
    const { assembler } = this.#parts;
    while (this.#steps !== null && !this.#isFull && !assembler.isOpen) {
      const step = await this.#steps.next();
      if (step.done === true) this.#steps = null;
    }
  }

  /** Hot: takes in all events that are here. True where no more is. */
  #drain(): boolean {
    const { assembler } = this.#parts;
    const reader = this.#reader;
    while (!this.#isFull) {
      const framing = reader.advance();
      if (framing === Framing.MORE) return true;
      if (framing === Framing.END) throw lostConnection("the server ended the dump");
      this.#steps = stepsOf(reader, framing, assembler);
      if (this.#steps !== null) return false;
      assembler.feed(reader);
      const { replay, sought } = assembler.xa;
      if (replay !== null) this.#steps = this.#replay(replay);
      else if (sought !== null) this.#steps = this.#seek(sought);
      if (assembler.isOpen || this.#steps !== null) return false;
    }
    return false;
  }

  /** A server that is waited for and says nothing, not even where its log ends, is gone though TCP does not say so. */
  async #watch(): Promise<void> {
    const { clock, silenceTimeoutMs } = this.#parts;
    let seen = -1;
    let silentLooks = 0;
    while (!this.#stopping.signal.aborted) {
      await clock.sleep(silenceTimeoutMs / LOOKS_PER_SILENCE, this.#stopping.signal);
      const { isWaiting, reads } = this.#reader;
      silentLooks = isWaiting && reads === seen ? silentLooks + 1 : 0;
      seen = reads;
      if (silentLooks > LOOKS_PER_SILENCE)
        this.#end(lostConnection(`the server said nothing for ${silenceTimeoutMs} ms`));
    }
  }

  /** Ends everything, once: a pending `next` fails with `reason`. Gives the first reason. */
  #end(reason: MillraceError): MillraceError {
    if (this.#failure !== null) return this.#failure;
    this.#failure = reason;
    this.#stopping.abort(reason);
    this.#reader.fail(reason);
    this.#reader.destroy();
    void this.#scout.close();
    return reason;
  }
}
