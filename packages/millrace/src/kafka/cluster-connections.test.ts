import { apiVersionsV3, metadataV11 } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import type { BrokerLink } from "./broker-connection.ts";
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

/** A connection to the one broker of a cluster, which knows itself and nothing else. */
class Link {
  isOpen = true;
  isEnded = false;

  call(api: unknown): Promise<unknown> {
    return Promise.resolve(ANSWERS.get(api));
  }

  send(): never {
    throw new Error("nobody asks for it");
  }

  /** Its session ends soon: who waits for an answer gets it still, and nobody else asks. */
  retire(): void {
    this.isOpen = false;
  }

  close(): Promise<void> {
    this.isOpen = false;
    this.isEnded = true;
    return Promise.resolve();
  }
}

/** A cluster that was asked already, and each connection that it has opened, in their order. */
async function cluster() {
  const links: Link[] = [];
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
      const link = new Link();
      links.push(link);
      return Promise.resolve(link as unknown as BrokerLink);
    },
  });
  await made.clusterId();
  const first = (await made.connection(1, "data")) as unknown as Link;
  links.splice(0, links.indexOf(first));
  const askedByFour = () =>
    Promise.allSettled(Array.from({ length: 4 }, () => made.connection(1, "data")));
  return { made, links, refusals, first, askedByFour };
}

describe("connections to a broker", () => {
  it("are one where several ask at once behind one that has retired, and end with the cluster", async () => {
    const { made, links, first, askedByFour } = await cluster();
    first.retire();
    const asked = await askedByFour();
    expect(links).toHaveLength(2);
    expect(new Set(asked.map((each) => each.status === "fulfilled" && each.value))).toEqual(
      new Set([links[1]]),
    );
    await made.close();
    expect(links.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  });

  it("are none where that one fails, which all hear who wait for it, and one for who asks then", async () => {
    const { made, links, refusals, first, askedByFour } = await cluster();
    first.retire();
    refusals.push(new KafkaFault("connection", "CLOSED", "of a test"));
    const asked = await askedByFour();
    expect(asked.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => "rejected"));
    await made.connection(1, "data");
    expect(links).toHaveLength(2);
    await made.close();
  });

  it("are not opened behind the end of the cluster", async () => {
    const { made, links, first, askedByFour } = await cluster();
    first.retire();
    const [asked] = await Promise.all([askedByFour(), made.close()]);
    expect(asked.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => "rejected"));
    expect(links.filter(({ isEnded }) => !isEnded)).toEqual([]);
  });
});
