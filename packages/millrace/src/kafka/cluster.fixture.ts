/** A client of a test's Kafka, and what a test reads back with it. */
import { systemClock } from "../model/ports.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { readTopic } from "./read-topic.ts";

/** What says where a test's brokers are, in the clear. */
export function clusterOptionsAt(bootstrap: string): Omit<ClusterOptions, "clock"> {
  return {
    bootstrap: bootstrap.split(",").map((address) => {
      const [host = "", port = ""] = address.split(":");
      return { host, port: Number(port) };
    }),
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 10_000,
  };
}

/** Connects on first use; to be closed. */
export function clusterAt(bootstrap: string, options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({ ...clusterOptionsAt(bootstrap), clock: systemClock, ...options });
}

/** Key and value of each committed record, as texts. */
export async function recordsIn(
  cluster: Cluster,
  topic: string,
  partition = 0,
): Promise<readonly (readonly [key: string | null, value: string | null])[]> {
  const found: (readonly [string | null, string | null])[] = [];
  await readTopic(cluster, { topic, partition }, "end", 20_000, (record) =>
    found.push([record.key()?.toString() ?? null, record.value()?.toString() ?? null]),
  );
  return found;
}
