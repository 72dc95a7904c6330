import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch } from "../../model/change.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock, Logger } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { ConnectorContext, SourceLog, SourceWait } from "../../model/source.ts";
import { lostConnection } from "../../bytes/byte-source.ts";
import type { PostgresLogConfig } from "./config.ts";
import { runHeartbeat } from "./heartbeat.ts";
import { readingError } from "./log-errors.ts";
import type { LogWatch } from "./log-watch.ts";
import { formatLsn, type LogPosition, startLsn } from "./position.ts";
import type { SideSession } from "./side-session.ts";
import { statusUpdate } from "./status-update.ts";
import { Fed, type TransactionAssembler } from "./transaction-assembler.ts";
import { Framing, type WireReader } from "./wire-reader.ts";

/** How long the goodbye to the server may take. */
const END_TIMEOUT_MS = 1_000;
/** A quiet connection is asked whether it lives this many times within the silence that is allowed. */
const PINGS_PER_SILENCE = 3;
/** The server starts up or shuts down. */
const CANNOT_CONNECT_NOW = "57P03";

/** What a log is made of; `openPostgresLog` puts it together. */
export interface PostgresLogParts {
  readonly context: ConnectorContext;
  readonly log: PostgresLogConfig;
  readonly side: SideSession;
  /** Where heartbeats are written; null where nothing can be. */
  readonly beats: SideSession | null;
  readonly watch: LogWatch;
  readonly reader: WireReader;
  readonly assembler: TransactionAssembler;
  readonly from: LogPosition;
  /** What the slot has let go of before. */
  readonly confirmed: number;
  readonly serverTimeoutMs: number;
}

/** Why the loop over messages stopped. */
type Stop = "empty" | "full" | "unresolved" | "large";

/**
 * The log of one replication slot, pulled. Nothing is read while nobody asks, so that a slow sink is felt by the
 * server and not by our memory (I10); status updates go out all the same, by a timer, so that the server keeps the
 * connection for as long as the sink needs.
 */
export class PostgresLog implements SourceLog {
  readonly #reader: WireReader;
  readonly #assembler: TransactionAssembler;
  readonly #side: SideSession;
  readonly #beats: SideSession | null;
  readonly #watch: LogWatch;
  readonly #settings: PostgresLogConfig;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  /** The message under the reader was not taken in yet. */
  #again = false;
  #failure: MillraceError | null = null;
  #ended: Promise<void> | null = null;
  #receivedLsn: number;
  #durableLsn: number;
  /** Since when bytes are waited for; null while nobody asks. */
  #waitingSinceMs: number | null = null;
  #heardAtMs: number;
  #movedAtMs: number;
  /** Since when the server takes no new sessions, though this one lives. */
  #refusedSinceMs: number | null = null;

  constructor(parts: PostgresLogParts) {
    this.#reader = parts.reader;
    this.#assembler = parts.assembler;
    this.#side = parts.side;
    this.#beats = parts.beats;
    this.#watch = parts.watch;
    this.#settings = parts.log;
    this.#clock = parts.context.clock;
    this.#log = parts.context.log;
    this.#receivedLsn = parts.from[0];
    this.#durableLsn = parts.confirmed;
    this.#heardAtMs = this.#clock.monotonic();
    this.#movedAtMs = this.#heardAtMs;
    this.#reader.onNotice = (notice) => this.#onNotice(notice);
    this.#runInBackground(this.#beat(beatMs(parts)));
    this.#runInBackground(this.#sendHeartbeats());
  }

  /** Why nothing comes though there is something; null where nothing is known to hold it back. */
  get wait(): SourceWait | null {
    return this.#failure === null ? this.#watch.wait : null;
  }

  async #sendHeartbeats(): Promise<void> {
    const client = this.#beats;
    const intervalMs = this.#settings.heartbeatIntervalMs;
    if (client === null || intervalMs === 0) return;
    const progress = (): number => this.#receivedLsn;
    const heartbeat = { client, clock: this.#clock, log: this.#log, intervalMs, progress };
    await runHeartbeat(heartbeat, this.#stopping.signal);
  }

  async next(): Promise<LogBatch> {
    if (this.#failure !== null) throw this.#failure;
    try {
      failpoint("postgres-log.before-batch");
      const batch = await this.#read();
      const before = this.#receivedLsn;
      this.#receivedLsn = startLsn(batch.position);
      if (this.#receivedLsn > before) this.#movedAtMs = this.#clock.monotonic();
      failpoint("postgres-log.after-batch");
      return batch;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  acknowledge(position: Position): void {
    const lsn = startLsn(position);
    if (lsn > this.#receivedLsn) {
      throw new MillraceError(
        "MR_BUG",
        `acknowledging ${formatLsn(lsn)}, which was never read (I4)`,
      );
    }
    if (lsn <= this.#durableLsn || this.#failure !== null) return;
    failpoint("postgres-log.before-acknowledge");
    this.#durableLsn = lsn;
    this.#sendStatus(false);
    failpoint("postgres-log.after-acknowledge");
  }

  close(): Promise<void> {
    if (this.#failure === null) {
      this.#sendStatus(false);
      this.#reader.sendCopyDone();
      this.#failure = lostConnection("the log was closed");
    }
    return this.#end(this.#failure);
  }

  /** Ends everything, once: a pending `next` fails with `reason`. */
  #end(reason: MillraceError): Promise<void> {
    if (this.#ended !== null) return this.#ended;
    this.#stopping.abort(reason);
    this.#reader.fail(reason);
    this.#ended = this.#sayGoodbye();
    return this.#ended;
  }

  async #sayGoodbye(): Promise<void> {
    const ended = this.#reader.end().then(() => true);
    const late = this.#clock.sleep(END_TIMEOUT_MS).then(() => false);
    if (!(await Promise.race([ended, late]))) this.#reader.destroy();
    await this.#side.close();
    await this.#beats?.close();
  }

  async #read(): Promise<LogBatch> {
    for (;;) {
      const stop = this.#drain();
      if (stop === "unresolved") {
        await this.#assembler.resolve();
      } else if (stop === "large") {
        await this.#readLarge();
      } else {
        const batch = this.#assembler.take();
        if (batch !== null) return batch;
        await this.#fill();
      }
    }
  }

  /** Hot: takes in all messages that are here. */
  #drain(): Stop {
    const reader = this.#reader;
    const assembler = this.#assembler;
    const enough = this.#settings.batchBytes;
    while (assembler.bytes < enough) {
      const framing = this.#again ? Framing.DATA : reader.advance();
      if (framing === Framing.MORE) return "empty";
      if (framing === Framing.LARGE) return "large";
      if (framing === Framing.DONE) throw lostConnection("the server ended replication");
      const fed = assembler.feed(reader.bodyStart, reader.bodyEnd);
      this.#again = fed === Fed.UNRESOLVED;
      if (this.#again) return "unresolved";
      if (fed === Fed.REPLY) this.#sendStatus(false);
    }
    return "full";
  }

  /** A row that is larger than the reader's buffer comes in pieces. */
  async #readLarge(): Promise<void> {
    const reader = this.#reader;
    const assembler = this.#assembler;
    reader.piece();
    while (
      assembler.beginLarge(reader.bodyStart, reader.bodyEnd, reader.largeBytes) === Fed.UNRESOLVED
    ) {
      await assembler.resolve();
    }
    assembler.pushLarge(reader.bodyStart, reader.bodyEnd);
    while (reader.largeLeft > 0) {
      if (reader.piece()) assembler.pushLarge(reader.bodyStart, reader.bodyEnd);
      else await this.#fill();
    }
    assembler.endLarge();
  }

  async #fill(): Promise<void> {
    this.#waitingSinceMs = this.#clock.monotonic();
    await this.#reader.fill();
    this.#waitingSinceMs = null;
    this.#heardAtMs = this.#clock.monotonic();
  }

  /** Status updates by a timer, and the watch over a server that has gone silent. */
  async #beat(intervalMs: number): Promise<void> {
    for (;;) {
      await this.#clock.sleep(intervalMs, this.#stopping.signal);
      const silentMs = this.#silentMs();
      const { silenceTimeoutMs } = this.#settings;
      if (silentMs > silenceTimeoutMs) {
        this.#fail(lostConnection(`the server said nothing for ${Math.round(silentMs)} ms`));
        return;
      }
      this.#sendStatus(silentMs > silenceTimeoutMs / PINGS_PER_SILENCE);
      if (this.#side.isBroken) await this.#watchShutdown();
      this.#runInBackground(this.#watch.look(this.#clock.monotonic() - this.#movedAtMs));
    }
  }

  /** A server that shuts down ends ordinary sessions first and takes no new ones, while it waits for us. */
  async #watchShutdown(): Promise<void> {
    const isRefused = await this.#side.query("SELECT 1").then(
      () => false,
      (error: unknown) =>
        error instanceof MillraceError && error.facts["sqlState"] === CANNOT_CONNECT_NOW,
    );
    const now = this.#clock.monotonic();
    this.#refusedSinceMs = isRefused ? (this.#refusedSinceMs ?? now) : null;
    if (this.#refusedSinceMs === null) return;
    if (now - this.#refusedSinceMs < this.#settings.shutdownGraceMs) return;
    this.#fail(lostConnection("the server is shutting down"));
  }

  /** How long the server could have spoken and did not. */
  #silentMs(): number {
    const since = this.#waitingSinceMs;
    return since === null ? 0 : this.#clock.monotonic() - Math.max(since, this.#heardAtMs);
  }

  #sendStatus(wantsReply: boolean): void {
    const status = {
      receivedLsn: this.#receivedLsn,
      durableLsn: this.#durableLsn,
      timeMs: this.#clock.now(),
      wantsReply,
    };
    this.#reader.sendCopyData(statusUpdate(status));
  }

  /** Since 18 the server goes on without a publication that was dropped, and only warns: changes would be missing. */
  #onNotice(notice: {
    readonly message: string;
    readonly severity: string;
    readonly code: string;
  }): void {
    const { publicationName } = this.#settings;
    const isOurs = notice.severity === "WARNING" && notice.message.includes(`"${publicationName}"`);
    if (isOurs) throw new MillraceError("MR_SOURCE_PUBLICATION_MISSING", notice.message);
    this.#log.info("the server says", { message: notice.message, code: notice.code });
  }

  /** The first failure closes the log; it is what every later call gets. */
  #fail(error: unknown): MillraceError {
    this.#failure ??= readingError(error, this.#settings);
    void this.#end(this.#failure);
    return this.#failure;
  }

  /** Background work ends by the abort signal; anything else that ends it is a failure of the log. */
  #runInBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#fail(error);
    });
  }
}

/** The server must hear from us well within its patience. */
function beatMs({ log, serverTimeoutMs }: PostgresLogParts): number {
  const patience = serverTimeoutMs > 0 ? serverTimeoutMs / 3 : log.statusIntervalMs;
  return Math.min(log.statusIntervalMs, patience, log.silenceTimeoutMs / PINGS_PER_SILENCE);
}
