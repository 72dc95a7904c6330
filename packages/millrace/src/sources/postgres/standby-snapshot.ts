import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, Position, TransactionId } from "../../model/position.ts";
import type { ChunkBatch, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { standbyError } from "./snapshot-begin.ts";

/**
 * A snapshot on a server that only chunks are read from: that it is lost need not stop the log. What fails there is told
 * apart from what fails at the log's server (MR_SOURCE_STANDBY), so that the chunk alone is read again.
 */
export class StandbySnapshot implements SourceSnapshot {
  readonly #inner: SourceSnapshot;

  constructor(inner: SourceSnapshot) {
    this.#inner = inner;
  }

  get token(): Json {
    return this.#inner.token;
  }

  get logEnd(): Position {
    return this.#inner.logEnd;
  }

  get mayLiveMs(): number {
    return this.#inner.mayLiveMs ?? Number.POSITIVE_INFINITY;
  }

  sees(transaction: TransactionId): boolean {
    return this.#inner.sees(transaction);
  }

  async *readChunk(
    shape: TableShape,
    range: ChunkRange,
    options: Parameters<SourceSnapshot["readChunk"]>[2],
  ): AsyncGenerator<ChunkBatch, void, undefined> {
    try {
      yield* this.#inner.readChunk(shape, range, options);
    } catch (error) {
      throw ofStandby(error);
    }
  }

  readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: Parameters<SourceSnapshot["readRows"]>[2],
  ): Promise<ReadonlyMap<string, Row>> {
    return atStandby(() => this.#inner.readRows(shape, keys, options));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Does `work` at a server that only chunks are read from. @throws MillraceError MR_SOURCE_STANDBY where it is lost. */
export async function atStandby<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ofStandby(error);
  }
}

function ofStandby(error: unknown): unknown {
  if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_LOST_CONNECTION") return error;
  return standbyError(error.detail, error);
}
