import type { LogBatch } from "../../packages/millrace/src/model/change.ts";
import type { LogStart, Source, SourceLog } from "../../packages/millrace/src/model/source.ts";
import type { ByteSource } from "../../packages/millrace/src/bytes/byte-source.ts";
import { CapturedTables } from "../../packages/millrace/src/sources/postgres/captured-tables.ts";
import { LOG_DEFAULTS } from "../../packages/millrace/src/sources/postgres/config.ts";
import { keyText } from "../../packages/millrace/src/sources/postgres/keys.ts";
import {
  boundary,
  bytesBetween,
  comparePositions,
  positionText,
} from "../../packages/millrace/src/sources/postgres/position.ts";
import {
  Fed,
  TransactionAssembler,
} from "../../packages/millrace/src/sources/postgres/transaction-assembler.ts";
import { TransactionIds } from "../../packages/millrace/src/sources/postgres/transaction-id.ts";
import { Framing, WireReader } from "../../packages/millrace/src/sources/postgres/wire-reader.ts";
import { advance, type Capture } from "./captured-stream.ts";

/** The first bytes that the reader sees: the server's consent to replication. */
const COPY_BOTH = Buffer.from([0x57, 0, 0, 0, 7, 0, 0, 0]);
/** What one read of a busy socket brings: all that the reader has room for. */
const READ_BYTES = 256 * 1024;

/** A captured stretch as a socket would bring it, round and round, until enough rows have passed. */
class ReplayedBytes implements ByteSource {
  readonly #capture: Capture;
  #roundsLeft: number;
  #at = 0;
  #begun = false;

  constructor(capture: Capture, rounds: number) {
    this.#capture = capture;
    this.#roundsLeft = rounds;
  }

  async read(region: Buffer, at: number): Promise<number> {
    // A socket gives its bytes from the event loop; others get their turn in between.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (!this.#begun) {
      this.#begun = true;
      return COPY_BOTH.copy(region, at);
    }
    const { bytes } = this.#capture;
    if (this.#at === bytes.length) this.#nextRound();
    if (this.#roundsLeft === 0) return new Promise<number>(() => {});
    const copied = bytes.copy(region, at, this.#at, this.#at + READ_BYTES);
    this.#at += copied;
    return copied;
  }

  #nextRound(): void {
    this.#at = 0;
    this.#roundsLeft -= 1;
    if (this.#roundsLeft > 0) advance(this.#capture);
  }

  write(): void {}
  fail(): void {}
  handBack(): void {}
  async end(): Promise<void> {}
  destroy(): void {}
}

/** What a replication log does between the socket and the pipeline, without the connection's upkeep. */
class ReplayedLog implements SourceLog {
  readonly #reader: WireReader;
  readonly #assembler: TransactionAssembler;
  #again = false;

  constructor(capture: Capture, rounds: number, start: LogStart) {
    this.#reader = new WireReader(new ReplayedBytes(capture, rounds));
    this.#assembler = new TransactionAssembler({
      buffer: this.#reader.buffer,
      from: boundary(0),
      tables: new CapturedTables(start.tables, async (_, known) => ({
        shape: known ?? capture.shape,
        rewritten: [],
      })),
      transactionIds: new TransactionIds(1_000),
      maxValueBytes: start.maxValueBytes,
      maxRowBytes: 4 * start.maxValueBytes,
    });
  }

  async next(): Promise<LogBatch> {
    for (;;) {
      const isUnresolved = this.#drain();
      if (isUnresolved) await this.#assembler.resolve();
      else {
        const batch = this.#assembler.take();
        if (batch !== null) return batch;
        await this.#reader.fill();
      }
    }
  }

  /** True when the catalogue must be asked first. */
  #drain(): boolean {
    const reader = this.#reader;
    while (this.#assembler.bytes < LOG_DEFAULTS.batchBytes) {
      if (!this.#again && reader.advance() !== Framing.DATA) return false;
      this.#again = this.#assembler.feed(reader.bodyStart, reader.bodyEnd) === Fed.UNRESOLVED;
      if (this.#again) return true;
    }
    return false;
  }

  acknowledge(): void {}
  async close(): Promise<void> {}
}

const never = (what: string) => (): never => {
  throw new Error(`${what} is not part of this benchmark`);
};

/** A source whose log is a captured stretch, replayed; its keys and positions are the engine's own. */
export function replayedSource(capture: Capture, rounds: number): Source {
  const start = boundary(0);
  return {
    kind: "postgres",
    comparePositions,
    positionText,
    keyText,
    bytesBetween,
    identity: async () => "captured",
    discover: async () => [{ shape: capture.shape, estimatedRows: 0, notices: [] }],
    prepare: async () => ({ start, created: true, joined: [] }),
    safeToSnapshot: async () => {},
    openLog: async (from) => new ReplayedLog(capture, rounds, from),
    openSnapshot: never("a snapshot"),
    unseen: async () => [],
    sees: () => true,
    nudge: async () => {},
    logEnd: async () => start,
    planChunk: never("a chunk"),
    close: async () => {},
  };
}
