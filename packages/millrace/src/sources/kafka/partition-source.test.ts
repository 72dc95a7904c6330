import { expect, it } from "vitest";
import { systemClock } from "../../model/ports.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { PipelineLook } from "./first-look.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { PartitionSource } from "./partition-source.ts";

it("a partition that others come to share does not take its topic's tables for its own any more", () => {
  const cluster = { bootstrap: [], clientId: "test", tls: null, sasl: null };
  const limits = { connectTimeoutMs: 1, requestTimeoutMs: 1 };
  const options: Partial<KafkaSourceOptions> = { cluster: { ...cluster, ...limits } };
  const context: Partial<ConnectorContext> = { clock: systemClock };
  let partitions = 1;
  const source = new PartitionSource(options as KafkaSourceOptions, context as ConnectorContext, {
    topic: "orders",
    partition: 0,
    counts: () => new Map([["orders", partitions]]),
    look: new PipelineLook(() => Promise.resolve({ sinceMs: 0, partitions: {} }), systemClock),
    acknowledged: () => undefined,
  });
  expect(source.sharesTables).toBe(false);
  partitions = 2;
  expect(source.sharesTables).toBe(true);
});
