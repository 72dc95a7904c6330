import { lostConnection } from "../../bytes/byte-source.ts";
import type { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch } from "../../model/change.ts";
import type { Clock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import { protocolError } from "./byte-cursor.ts";
import { EVENT_HEADER_BYTES, type EventReader, Framing } from "./event-reader.ts";
import { EventType, rowEventKind } from "./event-types.ts";
import { logError } from "./log-errors.ts";
import type { LargeRows } from "./logged-rows.ts";
import { bodyOf, payloadEvents } from "./payload.ts";
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
/** Of the others, if they are that large, nothing is looked at but where they end. */
const WHOLE: ReadonlySet<number> = new Set([
  EventType.QUERY,
  EventType.QUERY_COMPRESSED,
  EventType.TABLE_MAP,
]);
const NOTHING = Buffer.alloc(0);
/** Of a statement; there is no longer DDL, and no other statement is read to its end. */
const MOST_STATEMENT_BYTES = 67_108_864;

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
      return await this.#read();
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
      if (framing === Framing.EVENT) assembler.feed(reader);
      if (assembler.isOpen) return false;
      const isPayload = reader.type === EventType.TRANSACTION_PAYLOAD;
      if (framing === Framing.LARGE || isPayload) {
        this.#steps = isPayload ? this.#payload(framing) : this.#large();
        return false;
      }
    }
    return false;
  }

  async *#payload(framing: Framing): AsyncGenerator<void> {
    const { assembler, reader } = this.#parts;
    if (framing === Framing.LARGE) assembler.feed(reader);
    for await (const event of payloadEvents(bodyOf(reader, framing))) {
      assembler.feedInner(event);
      yield;
    }
  }

  async *#large(): AsyncGenerator<void> {
    const { assembler, reader } = this.#parts;
    const { type, eventBytes, endsAt, timestampSeconds, serverId } = reader;
    const header = { type, eventBytes, endsAt, timestampSeconds, serverId };
    const pieces = bodyOf(reader, Framing.LARGE);
    if (rowEventKind(type) !== null) yield* this.#largeRows(header, pieces);
    else if (WHOLE.has(type)) yield* this.#whole(header, pieces);
    else {
      for await (const _piece of pieces) yield;
      assembler.feed({ ...header, buffer: NOTHING, bodyStart: 0, bodyEnd: 0 });
    }
  }

  async *#largeRows(header: EventHeader, pieces: AsyncGenerator<Buffer>): AsyncGenerator<void> {
    const { assembler, reader } = this.#parts;
    const bodyEnd = header.eventBytes - EVENT_HEADER_BYTES - reader.checksumBytes;
    let large: LargeRows | null | undefined;
    for await (const buffer of pieces) {
      if (large === undefined)
        large = assembler.feedLarge({ ...header, buffer, bodyStart: 0, bodyEnd }, buffer.length);
      large?.push(buffer);
      yield;
    }
    large?.finish();
  }

  async *#whole(header: EventHeader, pieces: AsyncGenerator<Buffer>): AsyncGenerator<void> {
    if (header.eventBytes > MOST_STATEMENT_BYTES)
      throw protocolError(`a statement of ${header.eventBytes} bytes`);
    const gathered: Buffer[] = [];
    for await (const piece of pieces) {
      gathered.push(piece);
      yield;
    }
    const buffer = Buffer.concat(gathered);
    this.#parts.assembler.feed({ ...header, buffer, bodyStart: 0, bodyEnd: buffer.length });
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

/** What is told of an event before its body. */
type EventHeader = Pick<
  EventReader,
  "type" | "eventBytes" | "endsAt" | "timestampSeconds" | "serverId"
>;
