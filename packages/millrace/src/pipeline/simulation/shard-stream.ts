import { laneOf } from "../lane-hash.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { ShardPlace } from "./shard-places.ts";
import type { LogEvent, LoggedTransaction, SourceServer } from "./source-server.ts";

/** Keys are parted by as many hashes. */
const PARTS = 1 << 16;

/** A row event in its shard. */
export interface ShardRecord {
  readonly tx: LoggedTransaction;
  readonly event: LogEvent;
  readonly place: ShardPlace;
}

/** A part of the stream that has the events of some keys for a while. */
export interface Shard {
  readonly id: string;
  readonly records: ShardRecord[];
  /** So many of its records can be read: they come behind their writes. */
  readable: number;
  /** Nothing is added any more; `children` have its keys. */
  closed: boolean;
  children: readonly Shard[];
  /** The stream's description names it. */
  listed: boolean;
  /** The hashes of its keys. */
  readonly from: number;
  readonly to: number;
}

/** How a stream behaves. */
export interface StreamOptions {
  readonly roots: number;
  /** Ends are told by the shards' last numbers; else by time. */
  readonly byShards: boolean;
  /** How often a turn closes a shard. */
  readonly closes: number;
}

/**
 * The change stream of a server whose log is cut in shards, as DynamoDB's: a write is visible at once and its record comes
 * later; a shard ends and has one child or two; a child may be named late.
 */
export class ShardStream {
  readonly server: SourceServer;
  readonly roots: readonly Shard[];
  readonly #options: StreamOptions;
  readonly #places = new Map<LogEvent, ShardPlace>();
  readonly #all: Shard[] = [];
  #lags = true;

  constructor(server: SourceServer, options: StreamOptions) {
    this.server = server;
    this.#options = options;
    const { roots } = options;
    this.roots = Array.from({ length: roots }, (_, i) =>
      this.#make(`s${i}`, i / roots, (i + 1) / roots),
    );
    for (const root of this.roots) root.listed = true;
    server.onLogged(() => this.#logged());
  }

  get byShards(): boolean {
    return this.#options.byShards;
  }

  get shards(): readonly Shard[] {
    return this.#all;
  }

  /** Where an event stands. */
  placeOf(event: LogEvent): ShardPlace {
    const place = this.#places.get(event);
    if (place === undefined) throw new Error("an event that the stream does not have");
    return place;
  }

  /** Something happens to it: a record can be read, a shard is named, a shard ends. */
  act(random: SeededRandom): void {
    const behind = this.#all.filter(({ records, readable }) => readable < records.length);
    const hidden = this.#all.filter(({ listed }) => !listed);
    const open = this.#all.filter(({ closed }) => !closed);
    if (random.chance(this.#options.closes) && open.length > 0) return this.#close(random, open);
    if (hidden.length > 0 && random.chance(0.4)) random.pick(hidden).listed = true;
    else if (behind.length > 0) random.pick(behind).readable++;
    else return;
    this.server.nudge();
  }

  /** From now on everything can be read at once. */
  settle(): void {
    this.#lags = false;
    for (const shard of this.#all) {
      shard.listed = true;
      shard.readable = shard.records.length;
    }
    this.server.nudge();
  }

  #logged(): void {
    const tx = this.server.log.at(-1);
    for (const event of tx?.events ?? []) if (tx !== undefined) this.#append(tx, event);
    for (const done of this.server.logged) this.server.show(done);
  }

  #append(tx: LoggedTransaction, event: LogEvent): void {
    const { op } = event;
    const hash = laneOf("a shard", `${"key" in op ? op.key : ""} of ${op.table}`, PARTS) / PARTS;
    const shard = this.#all.find(({ closed, from, to }) => !closed && from <= hash && hash < to);
    if (shard === undefined) throw new Error(`no shard has ${op.table}`);
    const place: ShardPlace = [shard.id, shard.records.length + 1];
    this.#places.set(event, place);
    shard.records.push({ tx, event, place });
    if (!this.#lags) shard.readable = shard.records.length;
  }

  #close(random: SeededRandom, open: readonly Shard[]): void {
    const shard = random.pick(open);
    const { id, from, to } = shard;
    const middle = (from + to) / 2;
    shard.closed = true;
    shard.children = random.chance(0.5)
      ? [this.#make(`${id}.0`, from, to)]
      : [this.#make(`${id}.0`, from, middle), this.#make(`${id}.1`, middle, to)];
    const names = shard.children.map((child) => child.id).join(" and ");
    this.server.world.tell(() => `shard ${id} ends, ${names} begin`);
  }

  #make(id: string, from: number, to: number): Shard {
    const shard = {
      id,
      from,
      to,
      records: [],
      readable: 0,
      closed: false,
      children: [],
      listed: !this.#lags,
    };
    this.#all.push(shard);
    return shard;
  }
}
