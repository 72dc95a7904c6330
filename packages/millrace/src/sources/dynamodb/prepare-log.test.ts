import { describe, expect, it } from "vitest";
import type { DynamoApi, ShardDescription, TableDescription } from "./api.ts";
import { BEGUN_MS, goOnBehind, type LogAt } from "./prepare-log.ts";
import type { Standing } from "./position.ts";
import { BEGIN } from "./sequence.ts";
import { ServiceClock } from "./service-clock.ts";
import { ShardTree } from "./shard-tree.ts";

const HOUR_MS = 3_600_000;
const NOW = 1_790_000_000_000;

function shardId(hoursAgo: number): string {
  return `shardId-${String(NOW - hoursAgo * HOUR_MS).padStart(20, "0")}-00000000`;
}

function open(id: string): ShardDescription {
  return { id, parent: null, starting: "1", ending: null };
}

function logOf(shards: readonly ShardDescription[]): LogAt {
  const stream = { arn: "arn", view: "NEW_IMAGE" };
  const api: Pick<DynamoApi, "describeTable" | "describeStream"> = {
    describeTable: () =>
      Promise.resolve({ name: "orders", tableId: "id", stream } as TableDescription),
    describeStream: () =>
      Promise.resolve({
        status: "ENABLED",
        shards,
        lastShard: null,
        view: "NEW_IMAGE",
        timeMs: NOW,
      }),
  };
  const clock = { now: () => NOW, monotonic: () => 0 };
  return { api, table: "orders", serviceClock: new ServiceClock(clock) };
}

describe("a log that goes on behind a loss", () => {
  const [late, read] = [shardId(6), shardId(1)];
  const known: Standing = {
    shards: { [read]: "7" },
    timeMs: NOW - 2 * HOUR_MS,
    done: NOW - 5 * HOUR_MS,
    arn: "arn",
    tableId: "id",
    begunMs: NOW - 90 * HOUR_MS,
  };

  it.each([[[open(late), open(read)]], [[open(read)]]])(
    "reads a shard that came too late, listed now or not, and meets it no more",
    async (listed) => {
      const goesOn = await goOnBehind(logOf(listed), known, { why: "late-shard", shard: late });
      expect(goesOn.shards).toEqual({ [late]: BEGIN, [read]: "7" });
      expect(goesOn).toMatchObject({ timeMs: NOW - BEGUN_MS, begunMs: known.begunMs });
      expect(goesOn.gap?.why).toContain(late);
      const tree = new ShardTree(goesOn);
      const whole = { shards: [open(late), open(read)], isWhole: true, timeMs: NOW };
      expect(tree.merge(whole)).toEqual([]);
      expect(tree.take().map(({ id }) => id)).toContain(late);
    },
  );

  it("leaves out still what nobody wants", async () => {
    const goesOn = await goOnBehind(
      logOf([open(read)]),
      { ...known, sinceMs: NOW - 90 * HOUR_MS },
      { why: "other-stream" },
    );
    expect(goesOn.sinceMs).toBe(NOW - 90 * HOUR_MS);
  });
});
