/** A client of a test's Kafka, and what a test reads back with it. */
import { systemClock } from "../model/ports.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { readTopic } from "./read-topic.ts";

/** Connects on first use; to be closed. */
export function clusterAt(bootstrap: string, options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({
    bootstrap: bootstrap.split(",").map((address) => {
      const [host = "", port = ""] = address.split(":");
      return { host, port: Number(port) };
    }),
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 10_000,
    clock: systemClock,
    ...options,
  });
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
