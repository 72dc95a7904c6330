import type { SeededRandom } from "../../pipeline/simulation/seeded-random.ts";
import { batchBytes, type ModelBatch, type ModelRecord } from "./model-batch.ts";

/** What somebody writes. */
export type NewRecord = Pick<ModelRecord, "key" | "value">;

/** What a Fetch finds. */
export interface Fetched {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[];
  readonly records: Buffer;
}

/** A partition of a topic as a broker has it. */
export class ModelPartition {
  #batches: ModelBatch[] = [];
  #end = 0;
  readonly #open = new Map<bigint, number>();
  readonly #aborted: {
    readonly producer: bigint;
    readonly first: number;
    readonly last: number;
  }[] = [];
  /** All that was written, whatever compaction took since. */
  readonly #written: { readonly batch: ModelBatch; isCommitted: boolean }[] = [];
  isCompacted = false;

  get end(): number {
    return this.#end;
  }

  /** Every transaction that began before it has ended. */
  get stable(): number {
    return Math.min(this.#end, ...this.#open.values());
  }

  /** Committed messages in their order. */
  get committed(): readonly ModelRecord[] {
    return this.#written.flatMap(({ batch, isCommitted }) => (isCommitted ? batch.records : []));
  }

  append(records: readonly NewRecord[], producer: bigint | null, timeMs: number): void {
    const first = this.#end;
    this.#end += records.length;
    const placed = records.map((record, i) => ({ ...record, offset: first + i }));
    const batch = { first, last: this.#end - 1, timeMs, producer, control: null, records: placed };
    this.#batches.push(batch);
    this.#written.push({ batch, isCommitted: producer === null });
    if (producer !== null && !this.#open.has(producer)) this.#open.set(producer, first);
  }

  /** A marker: what the producer has open is over. */
  close(producer: bigint, control: "commit" | "abort", timeMs: number): void {
    const begun = this.#open.get(producer);
    if (begun === undefined) return;
    const first = this.#end++;
    this.#batches.push({ first, last: first, timeMs, producer, control, records: [] });
    this.#open.delete(producer);
    if (control === "abort") this.#aborted.push({ producer, first: begun, last: first });
    else
      for (const one of this.#written)
        if (one.batch.producer === producer && one.batch.first >= begun) one.isCommitted = true;
  }

  /** Whole batches from the one that holds `offset` on; half of one more where the broker's limit cuts it. */
  fetch(offset: number, isolation: "committed" | "uncommitted", random: SeededRandom): Fetched {
    const to = isolation === "committed" ? this.stable : this.#end;
    const found = this.#batches.filter(({ last, first }) => last >= offset && first < to);
    const given = found.slice(0, random.between(1, 4));
    const next = found[given.length];
    const bytes = given.map(batchBytes);
    if (next !== undefined && random.chance(0.3)) {
      const half = batchBytes(next);
      bytes.push(half.subarray(0, random.between(1, half.length - 1)));
    }
    const behind = (given.at(-1)?.last ?? offset) + 1;
    return {
      highWatermark: this.#end,
      lastStableOffset: this.stable,
      aborted: this.#aborted
        .filter(({ first, last }) => last >= offset && first < behind)
        .map(({ producer, first }) => ({ producerId: producer, firstOffset: first })),
      records: Buffer.concat(bytes),
    };
  }

  /** The first offset whose message is not older. */
  offsetAtTime(timeMs: number): number {
    return (
      this.#batches.find((batch) => batch.timeMs >= timeMs && batch.control === null)?.first ?? -1
    );
  }

  /**
   * Of each key only the last message stays, of those that are committed; a batch that loses all stays empty, or goes. What
   * an aborted transaction wrote goes too, and its marker stays.
   */
  compact(random: SeededRandom): void {
    const to = this.stable;
    const dead = new Set<ModelRecord>();
    const last = new Map<string, ModelRecord>();
    for (const { batch, isCommitted } of this.#written) {
      if (batch.last >= to) break;
      for (const record of batch.records) {
        const before = record.key === null || !isCommitted ? undefined : last.get(record.key);
        if (before !== undefined) dead.add(before);
        if (!isCommitted) dead.add(record);
        else if (record.key !== null) last.set(record.key, record);
      }
    }
    this.#batches = this.#batches.flatMap((batch) => {
      if (batch.control !== null || batch.last >= to) return [batch];
      const records = batch.records.filter((record) => !dead.has(record));
      if (records.length === 0 && batch.records.length > 0 && random.chance(0.7)) return [];
      return [{ ...batch, records }];
    });
  }
}
