import type { AgeRules } from "./age-rules.ts";
import type { StreamRecord } from "./api.ts";
import { BEGIN } from "./sequence.ts";
import type { ShardStart } from "./shard-tree.ts";

/**
 * Records that are left out by their age are the beginning of what there is of a shard: behind the first one that counts, all count, in
 * its children too. A record's time is rounded and clocks differ, so the later of two records of one item may be told to be the
 * older one; left out alone, it would leave the other's image at the sink for ever (I1, I2). What an earlier run has begun counts:
 * nobody knows what that one gave of it.
 */
export class LeftOutRecords {
  readonly #rules: Pick<AgeRules, "isLeftOut">;
  /** Shards of which this run has given nothing yet, from their beginning on. */
  readonly #ungiven = new Set<string>();

  constructor(rules: Pick<AgeRules, "isLeftOut">) {
    this.#rules = rules;
  }

  /** A shard begins to be read. */
  begin({ id, parent, after }: Pick<ShardStart, "id" | "parent" | "after">): void {
    if (after === BEGIN && (parent === null || this.#ungiven.has(parent))) this.#ungiven.add(id);
  }

  /** Hot: per record. Asked once of each, in the shard's order. */
  has(shard: string, record: Pick<StreamRecord, "timeMs">): boolean {
    if (!this.#ungiven.has(shard)) return false;
    if (this.#rules.isLeftOut(record)) return true;
    this.#ungiven.delete(shard);
    return false;
  }
}
