import type { SeededRandom } from "../../pipeline/simulation/seeded-random.ts";
import type { ModelCluster } from "./model-cluster.ts";
import type { NewRecord } from "./model-partition.ts";

/** Debezium's word for a value that it does not have. */
export const UNAVAILABLE = "__debezium_unavailable_value";

/** What is written into topics. */
export interface WorkloadOptions {
  readonly topics: readonly TopicPlan[];
  readonly producers: number;
  /** Writes of all producers together. */
  readonly writes: number;
}

/** A topic and what is in it. */
export interface TopicPlan {
  readonly name: string;
  readonly table: string;
  readonly partitions: number;
  /** Rows without key: messages without key. */
  readonly keyless: boolean;
  /** Old messages go where a newer one has their key. */
  readonly compacts: boolean;
  /** The message's key is another one than the row's, which `primary-keys` names. */
  readonly rekeyed: boolean;
  readonly keys: number;
}

interface Writer {
  readonly id: bigint;
  /** Partitions that its transaction has written to; null: it is in none. */
  open: Set<string> | null;
  /** Markers that are still to be written, one partition after the other. */
  ending: { readonly control: "commit" | "abort"; readonly left: string[] } | null;
}

/** Applications that write rows of Debezium's into topics, in transactions that are committed, given up, or left open for a while. */
export class TopicWorkload {
  readonly #cluster: ModelCluster;
  readonly #options: WorkloadOptions;
  readonly #writers: Writer[];
  /** Which partition each row's messages go to: never another one. */
  readonly #homes = new Map<string, number>();
  /** Rows that are written by an open transaction are left alone by others. */
  readonly #locks = new Map<string, bigint>();
  #left: number;
  #value = 0;

  constructor(cluster: ModelCluster, options: WorkloadOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#left = options.writes;
    this.#writers = Array.from({ length: options.producers }, (_, i) => ({
      id: BigInt(1_000 + i),
      open: null,
      ending: null,
    }));
  }

  get isBusy(): boolean {
    return this.#left > 0;
  }

  /** One of them does something. */
  act(): void {
    const { random } = this.#cluster.world;
    const writer = random.pick(this.#writers);
    if (writer.ending !== null) return this.#mark(writer);
    if (writer.open !== null && random.chance(0.35)) return this.#end(writer, random);
    if (this.#left-- > 0) this.#write(writer, random);
  }

  /** Everything that is open ends. */
  finish(): void {
    this.#left = 0;
    for (const writer of this.#writers) {
      if (writer.open !== null && writer.ending === null)
        this.#end(writer, this.#cluster.world.random);
      while (writer.ending !== null) this.#mark(writer);
    }
  }

  #write(writer: Writer, random: SeededRandom): void {
    const plan = random.pick(this.#options.topics);
    const isAlone = writer.open === null && random.chance(0.3);
    const count = random.between(1, 4);
    const first = random.between(1, plan.keys);
    const home = this.#homeOf(plan, first, random);
    const records: NewRecord[] = [];
    for (let i = 0; i < count; i++) {
      const id = i === 0 ? first : random.between(1, plan.keys);
      const lock = `${plan.name}/${id}`;
      const holder = this.#locks.get(lock) ?? writer.id;
      if (this.#homeOf(plan, id, random) !== home || holder !== writer.id) continue;
      if (!isAlone) this.#locks.set(lock, writer.id);
      records.push(...this.#messages(plan, id, random));
    }
    if (records.length === 0) return;
    const partition = this.#cluster.partitions(plan.name)[home];
    partition?.append(records, isAlone ? null : writer.id, this.#cluster.world.nowMs);
    if (!isAlone) (writer.open ??= new Set()).add(`${plan.name}/${home}`);
  }

  /** A row's messages are in one partition, whatever partitions come. */
  #homeOf({ name }: TopicPlan, id: number, random: SeededRandom): number {
    const row = `${name}/${id}`;
    const known = this.#homes.get(row);
    if (known !== undefined) return known;
    const home = random.between(0, this.#cluster.partitions(name).length - 1);
    this.#homes.set(row, home);
    return home;
  }

  #messages(plan: TopicPlan, id: number, random: SeededRandom): NewRecord[] {
    const { table, keyless, compacts, rekeyed } = plan;
    const value = `v${++this.#value}`;
    const more = random.chance(0.3) ? { w: random.chance(0.5) ? `w${this.#value}` : null } : {};
    const key = keyless ? null : JSON.stringify(rekeyed ? { routing: `r${id}` } : { id });
    const after = { id, v: value, ...more };
    if (keyless) return [{ key, value: envelope("c", null, after, table) }];
    const kind = random.next();
    if (kind < 0.2) {
      const told = { key, value: envelope("d", { id }, null, table) };
      // Of a key that is not the row's nobody could say whose row a tombstone is.
      return rekeyed || random.chance(0.3) ? [told] : [told, { key, value: null }];
    }
    if (kind < 0.25 && !rekeyed) return [{ key, value: null }];
    if (kind < 0.4 && !compacts)
      return [
        { key, value: envelope("c", null, after, table) },
        { key, value: envelope("u", null, { ...after, v: UNAVAILABLE }, table) },
      ];
    return [{ key, value: envelope(kind < 0.7 ? "u" : "c", null, after, table) }];
  }

  #end(writer: Writer, random: SeededRandom): void {
    const left = [...(writer.open ?? [])];
    writer.ending = { control: random.chance(0.3) ? "abort" : "commit", left };
  }

  /** The coordinator tells one partition after the other. */
  #mark(writer: Writer): void {
    const { ending } = writer;
    const place = ending?.left.pop();
    if (ending === null || place === undefined) {
      writer.open = null;
      writer.ending = null;
      for (const [lock, holder] of this.#locks) if (holder === writer.id) this.#locks.delete(lock);
      return;
    }
    const at = place.lastIndexOf("/");
    const partition = this.#cluster.partitions(place.slice(0, at))[Number(place.slice(at + 1))];
    partition?.close(writer.id, ending.control, this.#cluster.world.nowMs);
  }
}

function envelope(op: string, before: object | null, after: object | null, table: string): string {
  const source = { connector: "postgresql", schema: "public", table, ts_ms: 1_700_000_000_000 };
  return JSON.stringify({ before, after, source, op, ts_ms: 1_700_000_000_000 });
}
