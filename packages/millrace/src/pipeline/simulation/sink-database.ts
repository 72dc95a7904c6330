import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetMark } from "../../model/sink.ts";
import type { ToldLoad } from "./loads-told.ts";
import type { Process, World } from "./world.ts";

/** A transaction of the model sink: reads see its snapshot and its own writes, writes wait for COMMIT. */
export interface SinkTransaction {
  /** It moves on with each statement where transactions read what was committed meanwhile. */
  snapshot: number;
  readonly writes: Map<string, unknown>;
  /** Keys whose change by others makes COMMIT fail though they are only read (catalogue). */
  readonly reads: Set<string>;
  /** Every write of a row in order, also where a later one of the same transaction replaces it. */
  readonly journal: { readonly key: string; readonly value: unknown }[];
  /** What readers of a sink of topics were told of whole tables. */
  readonly marks: TargetMark[];
  /** Rows of loads that they were told. */
  readonly loads: ToldLoad[];
}

interface Version {
  readonly at: number;
  readonly value: unknown;
}

/** How COMMITs go wrong, by the seed's choice. */
export interface SinkFaults {
  /** The connection is lost before COMMIT is sent. */
  lostBefore: number;
  /** The answer to COMMIT is lost; it lands at once, later or never. */
  lostAnswer: number;
  /** A connection cannot be opened. */
  lostOpen: number;
}

/** Hears of every transaction that became durable. */
export type LandWatch = (owner: Process, transaction: SinkTransaction) => void;

/**
 * A database with DSQL's rules: every transaction reads a snapshot, writes of the same key by two transactions conflict
 * at COMMIT and the first committer wins, and a COMMIT whose answer is lost may still land later.
 */
export class SinkDatabase {
  readonly world: World;
  readonly faults: SinkFaults;
  readonly #versions = new Map<string, Version[]>();
  #now = 0;
  onLand: LandWatch = () => {};
  /** Targets have a unique index on `v`. */
  unique = false;
  /** Targets have foreign keys among themselves. */
  foreign: { readonly isSelf: boolean } | null = null;

  constructor(world: World, faults: SinkFaults) {
    this.world = world;
    this.faults = faults;
  }

  begin(): SinkTransaction {
    return transactionOf(this.#now);
  }

  /** What the transaction sees under a key; undefined where there is nothing. */
  read(tx: SinkTransaction, key: string): unknown {
    return tx.writes.has(key) ? tx.writes.get(key) : this.#at(key, tx.snapshot);
  }

  /** Keys with a prefix that the transaction sees, in order. */
  keys(tx: SinkTransaction, prefix: string): string[] {
    const all = new Set([...this.#versions.keys(), ...tx.writes.keys()]);
    return [...all]
      .filter((key) => key.startsWith(prefix) && this.read(tx, key) !== undefined)
      .sort();
  }

  /** The transaction goes by what is stored here, and does not write it. */
  watch(tx: SinkTransaction, key: string): void {
    tx.reads.add(key);
  }

  /** Undefined deletes. */
  write(tx: SinkTransaction, key: string, value: unknown): void {
    tx.writes.set(key, value);
  }

  /** A step that may fail, while nothing was made durable by it. */
  async call(owner: Process, label: string): Promise<void> {
    await this.world.step(owner, label);
    if (this.world.random.chance(this.faults.lostBefore)) throw lostConnection(label);
  }

  /** A transaction of one statement. Rejects as {@link commit}. */
  async statement(
    owner: Process,
    label: string,
    run: (tx: SinkTransaction) => void,
  ): Promise<void> {
    await this.world.step(owner, label);
    const tx = this.begin();
    run(tx);
    if (tx.writes.size > 0) await this.commit(owner, tx, label);
  }

  /** Some transaction has written what is not durable yet. */
  get isBeingWritten(): boolean {
    return false;
  }

  /** The connections of a process are gone. */
  disconnect(_owner: Process): void {}

  /** Sends COMMIT. Rejects with a conflict, or with an unknown outcome where the answer is lost. */
  async commit(owner: Process, tx: SinkTransaction, label: string): Promise<void> {
    const { world, faults } = this;
    const landing: { done: boolean; landed: boolean; dropped: boolean } = {
      done: false,
      landed: false,
      dropped: false,
    };
    const answer = Promise.withResolvers<void>();
    world.later(`${label} reaches the sink`, () => {
      // What a process sent before it died may be lost with its connection.
      if (landing.dropped || (owner.dead && world.random.chance(0.5))) return answer.resolve();
      landing.done = true;
      landing.landed = this.#land(owner, tx);
      answer.resolve();
    });
    if (world.random.chance(faults.lostAnswer)) {
      // The connection dies now: the COMMIT under way may still land, or never.
      landing.dropped = world.random.chance(0.4);
      await world.step(owner, `${label} loses its answer`);
      throw unknown(label);
    }
    await answer.promise;
    await world.step(owner, `${label} is answered`);
    if (world.random.chance(faults.lostAnswer)) throw unknown(label);
    if (!landing.landed) throw new MillraceError("MR_SINK_CONFLICT", `(model) ${label}: 40001`);
  }

  /** What is durable under a key now. */
  durable(key: string): unknown {
    return this.#at(key, this.#now);
  }

  /** Keys with a prefix that are durable now, in order. */
  durableKeys(prefix: string): string[] {
    return this.keys(transactionOf(this.#now), prefix);
  }

  /** No two rows of a table with key have the same `v`. */
  isUnique(): boolean {
    const seen = new Set<string>();
    return this.durableKeys("row/").every((name) => {
      const row = this.durable(name) as { readonly v?: unknown };
      const value = `${name.slice(0, name.lastIndexOf("/"))} ${String(row.v)}`;
      if (typeof row.v !== "string" || name.includes(".bag") || !seen.has(value)) {
        if (typeof row.v === "string") seen.add(value);
        return true;
      }
      return false;
    });
  }

  /** Makes a transaction durable that somebody else has decided. */
  apply(owner: Process, tx: SinkTransaction): void {
    this.#now++;
    for (const [key, value] of tx.writes) {
      const versions = this.#versions.get(key) ?? [];
      this.#versions.set(key, versions);
      versions.push({ at: this.#now, value });
    }
    this.onLand(owner, tx);
  }

  #land(owner: Process, tx: SinkTransaction): boolean {
    const touched = [...tx.writes.keys(), ...tx.reads];
    if (touched.some((key) => this.lastChange(key) > tx.snapshot)) return false;
    this.apply(owner, tx);
    return true;
  }

  /** When a key was last written; 0 where it never was. */
  protected lastChange(key: string): number {
    return this.#versions.get(key)?.at(-1)?.at ?? 0;
  }

  #at(key: string, snapshot: number): unknown {
    return this.#versions.get(key)?.findLast((version) => version.at <= snapshot)?.value;
  }
}

function transactionOf(snapshot: number): SinkTransaction {
  return { snapshot, writes: new Map(), reads: new Set(), journal: [], marks: [], loads: [] };
}

/** Nothing was made durable by what was lost. */
export function lostConnection(label: string): MillraceError {
  return new MillraceError("MR_SINK_LOST_CONNECTION", `(model) ${label}`);
}

/** The answer to a COMMIT was lost. */
export function unknown(label: string): MillraceError {
  return new MillraceError("MR_SINK_UNKNOWN_COMMIT", `(model) ${label}: no answer to COMMIT`);
}
