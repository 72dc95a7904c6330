import { describe, expect, it } from "vitest";
import type { Clock } from "../../model/ports.ts";
import type { StreamPage } from "./api.ts";
import { lostLog } from "./log-errors.ts";
import { BEGIN } from "./sequence.ts";
import { ServiceClock } from "./service-clock.ts";
import { ShardLists } from "./shard-lists.ts";
import { ShardTree } from "./shard-tree.ts";
import { ShardWatch } from "./shard-watch.ts";

const NOW = 1_790_000_000_000;
const MINUTE_MS = 60_000;
const SHARD = `shardId-${String(NOW).padStart(20, "0")}-aaaaaaaa`;
const CHILD = `shardId-${String(NOW + MINUTE_MS).padStart(20, "0")}-bbbbbbbb`;

/** A stream of one shard, which ends when it is told to, watched for so long. */
async function watched(
  everyMs: number,
  forMs: number,
  more: { readonly endsAtMs?: number } = {},
): Promise<{ readonly listedMs: readonly number[]; readonly begun: readonly string[] }> {
  const ended = new AbortController();
  const listedMs: number[] = [];
  const begun: string[] = [];
  const endsAtMs = more.endsAtMs ?? Infinity;
  let ms = 0;
  const clock: Clock = {
    now: () => NOW + ms,
    monotonic: () => ms,
    sleep: async (pauseMs) => {
      await Promise.resolve();
      if (ms < endsAtMs && ms + pauseMs >= endsAtMs) {
        ms = endsAtMs;
        tree.ended(SHARD);
        watch.ended();
      } else ms += pauseMs;
      if (ms > forMs) ended.abort(new Error("watched for long enough"));
    },
  };
  const standing = { shards: { [SHARD]: BEGIN }, timeMs: NOW, done: 0, arn: "arn", tableId: "id" };
  const tree = new ShardTree(standing);
  const describeStream = (): Promise<StreamPage> => {
    listedMs.push(ms);
    const isOver = ms > endsAtMs;
    return Promise.resolve({
      shards: [
        { id: SHARD, parent: null, starting: "1", ending: isOver ? "9" : null },
        ...(isOver ? [{ id: CHILD, parent: SHARD, starting: "10", ending: null }] : []),
      ],
      lastShard: null,
      status: "ENABLED",
      view: "NEW_IMAGE",
      timeMs: NOW + ms,
    });
  };
  const watch = new ShardWatch({
    lists: new ShardLists({ describeStream }, "arn", new ServiceClock(clock)),
    tree,
    clock,
    everyMs,
    begin: (starts) => begun.push(...starts.map(({ id }) => id)),
    lost: (loss, cause) => lostLog("orders", loss, cause),
    signal: ended.signal,
  });
  await watch.run().catch((thrown: unknown) => {
    if (!ended.signal.aborted) throw thrown;
  });
  return { listedMs: listedMs.filter((at) => at <= forMs), begun };
}

describe("a watch over a stream's shards", () => {
  it("lists them at once, and then every stream.shards.discovery.interval", async () => {
    const { listedMs } = await watched(MINUTE_MS, 4.5 * MINUTE_MS);
    expect(listedMs.map((ms) => ms / MINUTE_MS)).toEqual([0, 1, 2, 3, 4]);
    expect((await watched(5 * MINUTE_MS, 11 * MINUTE_MS)).listedMs).toHaveLength(3);
  });

  it("asks for the children of a shard that has ended at once, however long that interval is", async () => {
    const endsAtMs = 7 * MINUTE_MS;
    const { begun, listedMs } = await watched(60 * MINUTE_MS, 20 * MINUTE_MS, { endsAtMs });
    expect(begun).toEqual([SHARD, CHILD]);
    expect(listedMs[1]).toBeLessThanOrEqual(endsAtMs + 100);
  });
});
