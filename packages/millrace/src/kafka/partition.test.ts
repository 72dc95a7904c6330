import { apiVersionsV3, metadataV11, offsetForLeaderEpochV4 } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { linkThat } from "./broker-link.fixture.ts";
import { Cluster } from "./cluster.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { epochEnd } from "./partition.ts";

const OFFSET_FOR_LEADER_EPOCH = 23;
const AT = { topic: "t", partition: 0 };

/** One broker that speaks OffsetForLeaderEpoch up to a version, or not at all; as brokers do it hangs up at what it does not speak. */
function speaking(version: number | null): Cluster {
  const apiKeys = Array.from({ length: 80 }, (_, apiKey) => {
    const maxVersion = apiKey === OFFSET_FOR_LEADER_EPOCH ? (version ?? -1) : 20;
    return { apiKey, minVersion: 0, maxVersion };
  }).filter(({ maxVersion }) => maxVersion >= 0);
  const partition = { errorCode: 0, partitionIndex: 0, leaderId: 1, replicaNodes: [1] };
  const topic = { errorCode: 0, name: "t", topicId: "", isInternal: false };
  const answers = new Map<unknown, unknown>([
    [apiVersionsV3.api, { apiKeys, finalizedFeatures: [] }],
    [
      metadataV11.api,
      {
        clusterId: "c",
        controllerId: 1,
        brokers: [{ nodeId: 1, host: "h", port: 1 }],
        topics: [{ ...topic, partitions: [partition] }],
      },
    ],
    [
      offsetForLeaderEpochV4.api,
      version === 4 ? { topics: [{ partitions: [{ endOffset: 7n }] }] } : null,
    ],
  ]);
  const hungUp = new KafkaFault("connection", "NO_ANSWER", "of a test");
  const link = linkThat((api) => answers.get(api) ?? Promise.reject(hungUp));
  return new Cluster({
    bootstrap: [{ host: "h", port: 1 }],
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    clock: systemClock,
    open: () => Promise.resolve(link),
  });
}

describe("where a leader's epoch ends", () => {
  it("is asked of who leads", async () => {
    expect(await epochEnd(speaking(4), AT, 5)).toBe(7);
  });

  it.each([3, null])(
    "is not asked of who does not speak it (up to version %s)",
    async (version) => {
      expect(await epochEnd(speaking(version), AT, 5)).toBe(Infinity);
    },
  );
});
