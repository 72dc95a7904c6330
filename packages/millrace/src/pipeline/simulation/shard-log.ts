import { MillraceError } from "../../errors/millrace-error.ts";
import { Change, type LogBatch } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { LogStart, SourceLog } from "../../model/source.ts";
import { loggedChange } from "./logged-change.ts";
import { compareShardPlaces, shardStanding, type ShardStanding } from "./shard-places.ts";
import type { Shard, ShardRecord, ShardStream } from "./shard-stream.ts";
import type { ModelLink } from "./source-link.ts";

/**
 * A session that reads all shards of a stream, merged as the seed says: another order after each restart. A child comes behind its
 * parent's last record; what is over is let go of once it is durable and its children are named.
 */
export class ShardLog implements SourceLog {
  readonly #stream: ShardStream;
  readonly #link: ModelLink;
  readonly #start: LogStart;
  readonly #read = new Map<string, number | "end">();
  #told: ShardStanding;
  #durable: Position;
  #broken: MillraceError | null = null;

  constructor(stream: ShardStream, link: ModelLink, start: LogStart) {
    this.#stream = stream;
    this.#link = link;
    this.#start = start;
    if (start.from === null) throw new Error("the model's log always begins somewhere");
    this.#told = shardStanding(start.from);
    this.#durable = start.from;
    for (const [shard, n] of Object.entries(this.#told.shards)) this.#read.set(shard, n);
  }

  async next(): Promise<LogBatch> {
    for (;;) {
      await this.#link.call("log next");
      if (this.#broken !== null) throw this.#broken;
      const batch = this.#batch();
      if (batch !== null) return batch;
      await new Promise<void>((resolve) => this.#stream.server.onGrowth(resolve));
    }
  }

  acknowledge(position: Position): void {
    if (this.#broken !== null) return;
    this.#link.acknowledged(position);
    this.#durable = position;
  }

  async close(): Promise<void> {
    this.#broken ??= new MillraceError("MR_SOURCE_LOST_CONNECTION", "(model) the log is closed");
    this.#stream.server.nudge();
    await this.#link.step("log close");
  }

  #batch(): LogBatch | null {
    const { server } = this.#stream;
    const items: Change[] = [];
    let sourceTimeMs: number | null = null;
    for (let left = server.world.random.between(1, 4); left > 0; left--) {
      this.#goOn();
      const ready = this.#stream.shards.flatMap((shard) => this.#next(shard) ?? []);
      if (ready.length === 0) break;
      const record = server.world.random.pick(ready);
      sourceTimeMs = record.tx.timeMs;
      this.#read.set(...record.place);
      const change = this.#decode(record);
      if (change !== null) items.push(change);
    }
    this.#goOn();
    const position = this.#standing();
    if (items.length === 0 && compareShardPlaces(this.#told, position) >= 0) return null;
    this.#told = position;
    const bytes = items.reduce((sum, change) => sum + change.bytes, 0);
    server.largestBatch = Math.max(server.largestBatch, bytes);
    return { items, position, acknowledge: position, sourceTimeMs, bytes };
  }

  /** The next record of a shard that is read; null where there is none yet. */
  #next({ id, records, readable }: Shard): ShardRecord | null {
    const read = this.#read.get(id);
    if (read === undefined || read === "end" || read >= readable) return null;
    return records[read] ?? null;
  }

  /** Shards that are over give way to their children. */
  #goOn(): void {
    for (const { id, closed, records, children } of this.#stream.shards) {
      const read = this.#read.get(id);
      if (closed && read === records.length) this.#read.set(id, "end");
      if (this.#read.get(id) !== "end") continue;
      for (const child of children)
        if (child.listed && !this.#isNamed(child.id)) this.#read.set(child.id, 0);
      const isDurable = compareShardPlaces(this.#durable, { shards: { [id]: "end" }, at: 0 }) >= 0;
      if (isDurable && children.every((child) => this.#isNamed(child.id))) this.#read.delete(id);
    }
  }

  /** It is read, or was: some of its children are. */
  #isNamed(id: string): boolean {
    return this.#read.has(id) || [...this.#read.keys()].some((other) => other.startsWith(`${id}.`));
  }

  #standing(): ShardStanding {
    const { server, shards } = this.#stream;
    const unread = shards.flatMap(({ id, records }) => {
      const read = this.#read.get(id) ?? (this.#isNamed(id) ? "end" : 0);
      return read === "end" ? [] : (records[read]?.tx.commit ?? []);
    });
    const at = Math.max(this.#told.at, Math.min(server.nextLsn, ...unread));
    return { shards: Object.fromEntries(this.#read), at };
  }

  #decode({ tx, event, place }: ShardRecord): Change | null {
    const shape = this.#start.tables.get(event.op.table);
    if (shape === undefined) return null;
    const transaction = { id: tx.id, commitTimeMs: tx.timeMs };
    const by = { shape, truth: shape, maxValueBytes: this.#start.maxValueBytes };
    const change = loggedChange(event, by, [tx.commit, event.n], transaction);
    if (change === null) return null;
    const { op, before, after, bytes } = change;
    return new Change(op, shape, before, after, place, null, transaction, bytes);
  }
}
