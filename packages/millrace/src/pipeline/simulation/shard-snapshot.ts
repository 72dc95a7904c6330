import { Change } from "../../model/change.ts";
import type { ChunkBatch, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { UNCHANGED, type Row } from "../../model/value.ts";
import { chunkKeyText, keyTextOf } from "./keys.ts";
import type { ShardStanding } from "./shard-places.ts";
import type { ShardStream } from "./shard-stream.ts";
import type { ModelLink } from "./source-link.ts";
import { rowOf, type Cells } from "./source-tables.ts";
import { skim, weigh } from "./values.ts";

/**
 * A time span of consistent reads, as pages of a Scan are: each sees all that is written before it, so all that has come out of the
 * stream. The end is told behind the last of them: by time, or by what the shards have.
 */
export class ShardSnapshot implements SourceSnapshot {
  readonly token = null;
  readonly mayLiveMs: number;
  readonly #stream: ShardStream;
  readonly #link: ModelLink;
  #logEnd: ShardStanding;

  constructor(stream: ShardStream, link: ModelLink) {
    this.#stream = stream;
    this.#link = link;
    this.mayLiveMs = stream.server.world.random.between(1, 60);
    this.#logEnd = endOf(stream);
  }

  get logEnd(): ShardStanding {
    return this.#logEnd;
  }

  sees(): boolean {
    return true;
  }

  async *readChunk(
    shape: TableShape,
    range: ChunkRange,
    options: { maxValueBytes: number },
  ): AsyncGenerator<ChunkBatch, void, undefined> {
    const { server } = this.#stream;
    const to = chunkKeyText(range.to);
    for (let from = chunkKeyText(range.from), isLast = false; !isLast;) {
      await this.#link.call("page read");
      const stored = server.visible.get(shape.id)?.rows ?? new Map<string, Cells>();
      const keys = [...stored.keys()]
        .filter((key) => (from === null || key > from) && (to === null || key <= to))
        .toSorted();
      const page = keys.slice(0, server.world.random.between(1, 3));
      isLast = page.length === keys.length;
      const rows = page.map((key) => {
        const whole = rowOf(shape, stored.get(key) ?? new Map());
        const after = whole.map((value, i) =>
          shape.key.includes(i) ? value : skim(value, options.maxValueBytes),
        );
        return new Change("r", shape, null, after, null, null, null, weigh(after));
      });
      this.#logEnd = endOf(this.#stream);
      // The answer is under way while the stream goes on.
      await this.#link.step("page answered");
      const bytes = rows.reduce((sum, change) => sum + change.bytes, 0);
      server.handedOut(bytes);
      from = page.at(-1) ?? from;
      if (page.length > 0) yield { rows, bytes, sentBytes: bytes, lastKey: from };
    }
  }

  async readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>> {
    await this.#link.call("rows read");
    const found = new Map<string, Row>();
    const stored = this.#stream.server.visible.get(shape.id)?.rows;
    for (const key of keys.map((row) => keyTextOf(shape, row))) {
      const cells = stored?.get(key);
      if (cells === undefined) continue;
      const row = rowOf(shape, cells).map((value, i) => {
        if (shape.key.includes(i)) return value;
        return options.keysOnly === true ? UNCHANGED : skim(value, options.maxValueBytes);
      });
      found.set(key, row);
    }
    this.#logEnd = endOf(this.#stream);
    await this.#link.step("rows answered");
    return found;
  }

  async close(): Promise<void> {
    await this.#link.step("snapshot close");
  }
}

/** Where a stream ends now: by time, or by shards that have anything; a seed has both, for both are ends. */
export function endOf({ server, shards, byShards }: ShardStream): ShardStanding {
  if (!byShards) return { shards: {}, at: server.nextLsn };
  const written = shards.filter(({ records }) => records.length > 0);
  return {
    shards: Object.fromEntries(written.map(({ id, records }) => [id, records.length])),
    at: 0,
  };
}
