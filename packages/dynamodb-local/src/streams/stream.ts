/** A stream: shards that are opened, split, rotated, closed and trimmed, and the records in them. */
import { partitionPoint } from "../items/key.ts";
import { streamBounds } from "../rules/streams.ts";
import { changesNothing, recordOf, type ItemChange, type RecordFrame } from "./record.ts";
import { SequenceNumbers } from "./sequence.ts";
import { Shard } from "./shard.ts";

/** What a stream is made with. */
export interface StreamOptions extends RecordFrame {
  readonly arn: string;
  readonly label: string;
  readonly tableName: string;
  readonly createdMs: number;
  /** Shards to begin with: partitions of the table. */
  readonly shards: number;
  readonly random: () => number;
}

/** One stream. Time is what the caller says; nothing moves by itself. */
export class Stream {
  readonly arn: string;
  readonly label: string;
  readonly tableName: string;
  readonly createdMs: number;
  readonly frame: RecordFrame;
  readonly #random: () => number;
  readonly #sequences: SequenceNumbers;
  #shards: Shard[] = [];
  #disabledMs: number | undefined;

  constructor(options: StreamOptions) {
    this.arn = options.arn;
    this.label = options.label;
    this.tableName = options.tableName;
    this.createdMs = options.createdMs;
    this.frame = options;
    this.#random = options.random;
    this.#sequences = new SequenceNumbers(options.random, options.shards);
    for (let each = 0; each < options.shards; each += 1) {
      const range = { from: each / options.shards, to: (each + 1) / options.shards };
      this.#open(undefined, range, options.createdMs);
    }
  }

  /** Oldest first; a parent stands before its children. */
  get shards(): readonly Shard[] {
    return this.#shards;
  }

  get disabledMs(): number | undefined {
    return this.#disabledMs;
  }

  shard(id: string): Shard | undefined {
    return this.#shards.find((shard) => shard.id === id);
  }

  /** A number that no record yet to come in this shard is below. */
  tipOf(shard: Shard): bigint {
    return shard.endsWith === undefined ? this.#sequences.tip(shard.epoch) : shard.endsWith + 1n;
  }

  /** Writes a record, unless the change changed nothing. */
  append(change: ItemChange, nowMs: number): void {
    if (this.#disabledMs !== undefined || changesNothing(change)) return;
    this.advance(nowMs);
    const point = partitionPoint(this.frame.keyNames, change.after ?? change.before ?? {});
    const shard = this.#shards.find((each) => each.covers(point));
    if (shard === undefined) throw new Error(`No open shard of ${this.arn} covers ${point}`);
    const sequence = this.#sequences.next(shard.epoch);
    const place = { eventId: this.#hex(32), sequence, writtenMs: nowMs };
    const { wire, bytes } = recordOf(change, this.frame, place);
    shard.append({ sequence, writtenMs: nowMs, bytes, wire });
  }

  /** Lets time pass: shards roll over after four hours, records and shards are forgotten after twenty-four. */
  advance(nowMs: number): void {
    for (;;) {
      const due = this.#shards.find(
        (shard) => shard.isOpen && nowMs - shard.openedMs >= streamBounds.rotationMs,
      );
      if (due === undefined) break;
      this.rotate(due, due.openedMs + streamBounds.rotationMs);
    }
    const horizonMs = nowMs - streamBounds.retentionMs;
    for (const shard of this.#shards) shard.trim(horizonMs);
    this.#shards = this.#shards.filter(
      (shard) => shard.closedMs === undefined || shard.closedMs >= horizonMs,
    );
  }

  /** Closes a shard and opens its one child. */
  rotate(shard: Shard, nowMs: number): readonly Shard[] {
    this.#close(shard, nowMs);
    return [this.#open(shard.id, shard, nowMs)];
  }

  /** Closes a shard and opens two children with half of its partitions each. */
  split(shard: Shard, nowMs: number): readonly Shard[] {
    this.#close(shard, nowMs);
    const middle = (shard.from + shard.to) / 2;
    return [
      this.#open(shard.id, { from: shard.from, to: middle }, nowMs),
      this.#open(shard.id, { from: middle, to: shard.to }, nowMs),
    ];
  }

  /** No further records: all shards are closed, and can be read for another twenty-four hours. */
  disable(nowMs: number): void {
    this.advance(nowMs);
    this.#disabledMs = nowMs;
    for (const shard of this.#shards) if (shard.isOpen) this.#close(shard, nowMs);
  }

  /** Whether a disabled stream is to be forgotten. */
  isForgotten(nowMs: number): boolean {
    return this.#disabledMs !== undefined && nowMs - this.#disabledMs > streamBounds.retentionMs;
  }

  #close(shard: Shard, nowMs: number): void {
    shard.close(this.#sequences.next(shard.epoch), nowMs);
  }

  #open(
    parentId: string | undefined,
    range: { from: number; to: number },
    openedMs: number,
  ): Shard {
    const epoch = this.#sequences.openEpoch();
    const id = `shardId-${String(openedMs).padStart(20, "0")}-${this.#hex(8)}`;
    const startsWith = this.#sequences.next(epoch);
    const { from, to } = range;
    const shard = new Shard({ id, parentId, epoch, startsWith, openedMs, from, to });
    this.#shards.push(shard);
    return shard;
  }

  #hex(digits: number): string {
    const draw = (): string => Math.floor(this.#random() * 16).toString(16);
    return Array.from({ length: digits }, draw).join("");
  }
}
