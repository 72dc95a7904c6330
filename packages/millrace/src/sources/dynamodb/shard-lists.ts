import type { DynamoApi, ShardDescription, StreamPage } from "./api.ts";
import { faultKind } from "./log-errors.ts";
import type { ServiceClock } from "./service-clock.ts";
import type { Listing } from "./shard-tree.ts";

/** Of one DescribeStream after another: a service that answers with ever more pages is not believed. */
const MOST_PAGES = 10_000;

/** All shards of a stream as a whole listing tells, and the stream's state. */
export interface StreamListing extends Listing {
  readonly status: StreamPage["status"];
}

/** Asks which shards a stream has. */
export class ShardLists {
  readonly #api: Pick<DynamoApi, "describeStream">;
  readonly #stream: string;
  readonly #serviceClock: ServiceClock;
  /** The service knows no filter by parent (a stand-in). */
  #isUnfiltered = false;

  constructor(api: Pick<DynamoApi, "describeStream">, stream: string, serviceClock: ServiceClock) {
    this.#api = api;
    this.#stream = stream;
    this.#serviceClock = serviceClock;
  }

  /** All of them; only an answer without a last shard is the end. */
  async whole(signal?: AbortSignal): Promise<StreamListing> {
    const shards = new Map<string, ShardDescription>();
    let after: string | null = null;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const told = this.#serviceClock.asking();
      const page: StreamPage = await this.#api.describeStream(this.#stream, {
        after,
        ...(signal === undefined ? {} : { signal }),
      });
      for (const shard of page.shards) shards.set(shard.id, shard);
      told(page.timeMs);
      after = page.lastShard;
      if (after !== null) continue;
      const { status, timeMs } = page;
      return { shards: [...shards.values()], isWhole: true, timeMs, status };
    }
    throw new Error(`DescribeStream of ${this.#stream} does not come to an end`);
  }

  /** The children of one shard; null where they cannot be asked for, or the stream is disabled: a whole listing ends the wait for them. */
  async childrenOf(shard: string, signal: AbortSignal): Promise<Listing | null> {
    if (this.#isUnfiltered) return null;
    try {
      const page = await this.#api.describeStream(this.#stream, { childrenOf: shard, signal });
      if (page.status === "DISABLED") return null;
      // A stand-in that does not look at the filter names others too.
      const shards = page.shards.filter(({ parent }) => parent === shard);
      return { shards, isWhole: false, timeMs: page.timeMs };
    } catch (thrown) {
      if (faultKind(thrown) !== "refused") throw thrown;
      this.#isUnfiltered = true;
      return null;
    }
  }
}
