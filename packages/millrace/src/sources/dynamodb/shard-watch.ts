import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock } from "../../model/ports.ts";
import { faultKind, type Loss } from "./log-errors.ts";
import type { ShardLists, StreamListing } from "./shard-lists.ts";
import type { Listing, ShardStart, ShardTree } from "./shard-tree.ts";

/** What a {@link ShardWatch} is made of. */
export interface ShardWatchParts {
  readonly lists: ShardLists;
  readonly tree: ShardTree;
  readonly clock: Clock;
  /** Between two listings when nothing is missing. */
  readonly everyMs: number;
  /** These may be read from now on. */
  readonly begin: (starts: readonly ShardStart[]) => void;
  readonly lost: (loss: Loss, cause?: unknown) => Error;
  readonly signal: AbortSignal;
}

const FIRST_PAUSE_MS = 50;
/** Between questions for the children of a shard. */
const CHILDREN_PAUSE_MS = 1_000;
/** Between listings while something is missing. */
const LIST_PAUSE_MS = 5_000;
/** So often children are asked for before the whole stream is listed. */
const CHILDREN_TRIES = 10;
/** Of more shards than this, one listing is cheaper. */
const MOST_ASKED = 3;

/** Keeps the tree of shards as the service has it: at a shard's end its children are looked for, now and then everything. */
export class ShardWatch {
  readonly #parts: ShardWatchParts;
  #woken = Promise.withResolvers<void>();
  #listing: Promise<StreamListing> | null = null;
  /** What ends the log, however it is called: one that may be gone on behind is transient to the pipeline. */
  #lost: Error | null = null;

  constructor(parts: ShardWatchParts) {
    this.#parts = parts;
  }

  /** Works until the signal aborts; rejects with what stops the log. */
  async run(): Promise<void> {
    const { tree, signal, everyMs } = this.#parts;
    await this.list();
    for (let tries = 0; !signal.aborted; tries++) {
      const isMissing = tree.childless().length > 0 || tree.orphans().length > 0;
      if (!isMissing) tries = 0;
      await this.#pause(isMissing ? Math.min(everyMs, pauseMs(tries)) : everyMs);
      await this.#look(tries);
    }
  }

  /** Shards that are known are read on while nobody can be asked for more. */
  async #look(tries: number): Promise<void> {
    try {
      const isListed = await this.#lookForChildren(tries);
      if (!isListed) await this.list();
    } catch (thrown) {
      this.#parts.signal.throwIfAborted();
      if (thrown === this.#lost) throw thrown;
      if (!(thrown instanceof MillraceError) || thrown.class !== "transient") throw thrown;
    }
  }

  /** A shard was given whole: its children may begin. */
  ended(): void {
    this.#begin();
    this.#woken.resolve();
  }

  /** Whether a shard is there, by a listing that begins now or is under way. */
  async isListed(shard: string): Promise<boolean> {
    const { shards } = await this.list();
    return shards.some(({ id }) => id === shard);
  }

  /** All shards, as they are now. */
  async list(): Promise<StreamListing> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #list(): Promise<StreamListing> {
    const { lists, tree, signal } = this.#parts;
    try {
      const listing = await lists.whole(signal);
      this.#merge(listing);
      if (listing.status === "DISABLED") tree.disable();
      this.#begin();
      return listing;
    } catch (thrown) {
      throw faultKind(thrown) === "missing" ? this.#lose({ why: "stream-gone" }, thrown) : thrown;
    }
  }

  /** False where all shards have to be listed. */
  async #lookForChildren(tries: number): Promise<boolean> {
    const { lists, tree, signal } = this.#parts;
    const childless = tree.childless();
    if (childless.length === 0 || childless.length > MOST_ASKED || tries >= CHILDREN_TRIES)
      return false;
    for (const shard of childless) {
      const children = await lists.childrenOf(shard, signal);
      if (children === null) return false;
      this.#merge(children);
    }
    this.#begin();
    return true;
  }

  #merge(listing: Listing): void {
    const [shard] = this.#parts.tree.merge(listing);
    if (shard !== undefined) throw this.#lose({ why: "late-shard", shard });
  }

  #lose(loss: Loss, cause?: unknown): Error {
    this.#lost = this.#parts.lost(loss, cause);
    return this.#lost;
  }

  #begin(): void {
    this.#parts.begin(this.#parts.tree.take());
  }

  async #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#parts;
    const ended = new AbortController();
    const slept = clock.sleep(ms, AbortSignal.any([signal, ended.signal]));
    slept.catch(() => undefined); // it was woken before
    await Promise.race([slept, this.#woken.promise]);
    ended.abort();
    this.#woken = Promise.withResolvers<void>();
  }
}

function pauseMs(tries: number): number {
  const longest = tries >= CHILDREN_TRIES ? LIST_PAUSE_MS : CHILDREN_PAUSE_MS;
  return Math.min(longest, FIRST_PAUSE_MS * 2 ** tries);
}
