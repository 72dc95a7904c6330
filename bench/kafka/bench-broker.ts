import { randomBytes } from "node:crypto";
import { adminOf, createTopic, startKafka } from "../../test/support/kafka.ts";

/** As Kafka's own start script has it; `BENCH_BROKER=small` is that of tests, which starts quickly. */
const JAVA = ["-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];
const SETTINGS = { "num.network.threads": "3", "num.io.threads": "8", "background.threads": "10" };
/** What was deleted goes at once: rounds follow one another, and the folder may be memory. */
const TOPIC = { "file.delete.delay.ms": "0", "segment.bytes": String(256 * 2 ** 20) };

/** One broker, with Java's settings of an operator's. */
export interface BenchBroker {
  readonly bootstrap: string;
  readonly pid: number;
  /** Gives a new topic, which is gone afterwards. */
  withTopic<T>(partitions: number, work: (topic: string) => Promise<T>): Promise<T>;
  /** How many records a topic's partitions have had, the marks of transactions among them. */
  records(topic: string): Promise<number>;
  /** What so many partitions of a topic take on the broker's disk, bytes. */
  bytes(topic: string, partitions: number): Promise<number>;
  remove(topic: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it. */
export async function startBenchBroker(): Promise<BenchBroker> {
  const kafka = await startKafka({
    ...(process.env["BENCH_BROKER"] === "small" ? {} : { java: JAVA }),
    settings: SETTINGS,
  });
  const admin = adminOf(kafka.bootstrap);
  return {
    bootstrap: kafka.bootstrap,
    pid: kafka.brokers[0]?.pid ?? 0,
    withTopic: async (partitions, work) => {
      const name = `bench-${randomBytes(4).toString("hex")}`;
      await createTopic(admin, name, partitions, TOPIC);
      try {
        return await work(name);
      } finally {
        await admin.deleteTopics({ topics: [name] });
      }
    },
    records: async (topic) => {
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
      const count = Object.keys(topics.get(topic)?.partitions ?? {}).length;
      const partitions = Array.from({ length: count }, (_, partitionIndex) => ({
        partitionIndex,
        timestamp: -1n,
      }));
      const [found] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
      return (found?.partitions ?? []).reduce((sum, { offset }) => sum + Number(offset), 0);
    },
    bytes: async (topic, partitions) => {
      const asked = [{ name: topic, partitions: Array.from({ length: partitions }, (_, i) => i) }];
      const found = await admin.describeLogDirs({ topics: asked });
      const all = found.flatMap(({ results }) => results).flatMap(({ topics }) => topics);
      const sizes = all.flatMap((one) => one.partitions).map((one) => Number(one.partitionSize));
      return sizes.reduce((sum, size) => sum + size, 0);
    },
    remove: (topic) => admin.deleteTopics({ topics: [topic] }),
    stop: async () => {
      await admin.close();
      await kafka.stop();
    },
  };
}
