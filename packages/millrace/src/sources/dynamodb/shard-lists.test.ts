import { expect, it } from "vitest";
import type { StreamPage } from "./api.ts";
import { ServiceClock } from "./service-clock.ts";
import { ShardLists } from "./shard-lists.ts";

const { signal } = new AbortController();

function listsOf(status: StreamPage["status"]): ShardLists {
  const page: StreamPage = {
    shards: [],
    lastShard: null,
    status,
    view: "NEW_IMAGE",
    timeMs: 0,
  };
  const api = { describeStream: () => Promise.resolve(page) };
  return new ShardLists(api, "arn", new ServiceClock({ now: () => 0, monotonic: () => 0 }));
}

it("the children of a shard whose stream is disabled are asked for with all the others, at once", async () => {
  await expect(listsOf("ENABLED").childrenOf("shard", signal)).resolves.toMatchObject({
    shards: [],
  });
  await expect(listsOf("DISABLED").childrenOf("shard", signal)).resolves.toBeNull();
});
