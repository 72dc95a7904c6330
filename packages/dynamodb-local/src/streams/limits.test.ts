import { describe, expect, it } from "vitest";
import { FaultBook } from "../control/faults.ts";
import { realmFor } from "../testing/realm.ts";
import { iteratorText } from "./iterator.ts";
import { limited } from "./limits.ts";

const principal = {
  account: "123456789012",
  arn: "arn",
  userId: "id",
  accessKeyId: "key",
  secretAccessKey: undefined,
};

/** How many of so many calls, one after the other at once, are answered. */
async function answered(
  action: "DescribeStream" | "GetRecords",
  streamLimits: boolean,
  shardIds: readonly string[],
): Promise<{ answered: number; refusal: unknown }> {
  const realm = realmFor({ streamLimits });
  const handler = limited(async () => ({}), action);
  let [count, refusal]: [number, unknown] = [0, undefined];
  for (const shardId of shardIds) {
    const ShardIterator = iteratorText({ arn: "a", shardId, from: 0n, givenMs: 0 });
    const call = {
      realm,
      principal,
      action,
      request: { ShardIterator },
      faults: new FaultBook([]),
    };
    await handler(call).then(
      () => (count += 1),
      (error: unknown) => (refusal = error),
    );
  }
  return { answered: count, refusal };
}

describe("the rates of the Streams API", () => {
  it("are ten DescribeStream and, for each shard, five GetRecords a second", async () => {
    const many = Array.from({ length: 12 }, () => "shard");
    const described = await answered("DescribeStream", true, many);
    expect(described).toMatchObject({ answered: 10, refusal: { code: "LimitExceededException" } });
    const read = await answered("GetRecords", true, many);
    expect(read).toMatchObject({ answered: 5, refusal: { code: "LimitExceededException" } });
    expect(await answered("GetRecords", true, ["a", "a", "a", "b", "b", "b"])).toMatchObject({
      answered: 6,
    });
  });

  it("do not matter where nobody asked for them", async () => {
    const many = Array.from({ length: 20 }, () => "shard");
    expect(await answered("DescribeStream", false, many)).toMatchObject({ answered: 20 });
  });
});
