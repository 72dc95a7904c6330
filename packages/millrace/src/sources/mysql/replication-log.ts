import { lostConnection } from "../../bytes/byte-source.ts";
import type { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch } from "../../model/change.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import { type EventReader, Framing } from "./event-reader.ts";
import { stepsOf } from "./event-steps.ts";
import { logError } from "./log-errors.ts";
import type { TransactionAssembler } from "./transaction-assembler.ts";

/** What a log is made of. */
export interface MysqlLogParts {
  readonly clock: Clock;
  readonly reader: EventReader;
  readonly assembler: TransactionAssembler;
  readonly serverId: number;
  /** A batch is given once its items weigh this much, bytes. */
  readonly batchBytes: number;
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
  readonly #stopping = new AbortController();
  /** Takes in an event that comes in pieces, step by step. */
  #steps: AsyncGenerator<void> | null = null;
  #failure: MillraceError | null = null;

  constructor(parts: MysqlLogParts) {
    this.#parts = parts;
    // Ends with the log.
    this.#watch().catch(() => undefined);
  }

  async next(): Promise<LogBatch> {
    if (this.#failure !== null) throw this.#failure;
    try {
      failpoint("mysql-log.before-batch");
      const batch = await this.#read();
      failpoint("mysql-log.after-batch");
      return batch;
    } catch (error) {
      throw this.#end(logError(error, this.#parts.serverId));
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
    const { assembler, reader } = this.#parts;
    for (;;) {
      if (assembler.isOpen) await assembler.resolve();
      await this.#takeSteps();
      const isEmpty = this.#steps === null && this.#drain();
      if (assembler.isOpen) continue;
      const batch = this.#steps === null || this.#isFull ? assembler.take() : null;
      if (batch !== null) return batch;
      if (isEmpty) await reader.fill();
    }
  }

  get #isFull(): boolean {
    return this.#parts.assembler.bytes >= this.#parts.batchBytes;
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
    const { assembler, reader } = this.#parts;
    while (!this.#isFull) {
      const framing = reader.advance();
      if (framing === Framing.MORE) return true;
      if (framing === Framing.END) throw lostConnection("the server ended the dump");
      this.#steps = stepsOf(reader, framing, assembler);
      if (this.#steps !== null) return false;
      assembler.feed(reader);
      if (assembler.isOpen) return false;
    }
    return false;
  }

  /** A server that is waited for and says nothing, not even where its log ends, is gone though TCP does not say so. */
  async #watch(): Promise<void> {
    const { clock, reader, silenceTimeoutMs } = this.#parts;
    let seen = -1;
    let silentLooks = 0;
    while (!this.#stopping.signal.aborted) {
      await clock.sleep(silenceTimeoutMs / LOOKS_PER_SILENCE, this.#stopping.signal);
      silentLooks = reader.isWaiting && reader.reads === seen ? silentLooks + 1 : 0;
      seen = reader.reads;
      if (silentLooks > LOOKS_PER_SILENCE)
        this.#end(lostConnection(`the server said nothing for ${silenceTimeoutMs} ms`));
    }
  }

  /** Ends everything, once: a pending `next` fails with `reason`. Gives the first reason. */
  #end(reason: MillraceError): MillraceError {
    if (this.#failure !== null) return this.#failure;
    this.#failure = reason;
    this.#stopping.abort(reason);
    this.#parts.reader.fail(reason);
    this.#parts.reader.destroy();
    return reason;
  }
}
