import { apiVersionsV3, metadataV11 } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { linkThat, type TestLink } from "./broker-link.fixture.ts";
import { Cluster } from "./cluster.ts";
import { KafkaFault } from "./kafka-fault.ts";

const APIS = Array.from({ length: 80 }, (_, apiKey) => {
  return { apiKey, minVersion: 0, maxVersion: 20 };
});
const ANSWERS = new Map<unknown, unknown>([
  [apiVersionsV3.api, { apiKeys: APIS, finalizedFeatures: [] }],
  [
    metadataV11.api,
    {
      clusterId: "c",
      controllerId: 1,
      brokers: [{ nodeId: 1, host: "h", port: 1 }],
      topics: [],
    },
  ],
]);

/** A cluster that was asked already, and each connection that it has opened, in their order. */
async function cluster() {
  const links: TestLink[] = [];
  const refusals: KafkaFault[] = [];
  const made = new Cluster({
    bootstrap: [{ host: "h", port: 1 }],
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    clock: systemClock,
    open: () => {
      const refusal = refusals.shift();
      if (refusal !== undefined) return Promise.reject(refusal);
      const link = linkThat((api) => ANSWERS.get(api));
      links.push(link);
      return Promise.resolve(link);
    },
  });
  await made.clusterId();
  await made.connection(1, "data");
  // Before it there is the one that the cluster was learnt over.
  links.splice(0, links.length - 1);
  // Its session ends soon: who waits for an answer gets it still, and nobody else asks.
  const retire = (): void => links.forEach((link) => (link.isOpen = false));
  const askedByFour = () =>
    Promise.allSettled(Array.from({ length: 4 }, () => made.connection(1, "data")));
  return { made, links, refusals, retire, askedByFour };
}

describe("connections to a broker", () => {
  it("are one where several ask at once behind one that has retired, and end with the cluster", async () => {
    const { made, links, retire, askedByFour } = await cluster();
    retire();
    const asked = await askedByFour();
    expect(links).toHaveLength(2);
    expect(new Set(asked.map((each) => each.status === "fulfilled" && each.value))).toEqual(
      new Set([links[1]]),
    );
    await made.close();
    expect(links.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  });

  it("are none where that one fails, which all hear who wait for it, and one for who asks then", async () => {
    const { made, links, refusals, retire, askedByFour } = await cluster();
    retire();
    refusals.push(new KafkaFault("connection", "CLOSED", "of a test"));
    const asked = await askedByFour();
    expect(asked.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => "rejected"));
    await made.connection(1, "data");
    expect(links).toHaveLength(2);
    await made.close();
  });

  it("are not opened behind the end of the cluster", async () => {
    const { made, links, retire, askedByFour } = await cluster();
    retire();
    const [asked] = await Promise.all([askedByFour(), made.close()]);
    expect(asked.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => "rejected"));
    expect(links.filter(({ isEnded }) => !isEnded)).toEqual([]);
  });
});
