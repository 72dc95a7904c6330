import { expect, it } from "vitest";
import { partitionCount } from "./topics.ts";

it("a topic that the brokers do not name is missing, and has not no partitions", async () => {
  const cluster = { forgetTopic: () => undefined, topics: () => Promise.resolve(new Map()) };
  await expect(partitionCount(cluster, "orders")).rejects.toMatchObject({ kind: "missing" });
});
