/**
 * Apache Kafka for tests.
 *
 * {@link sharedKafka} gives names of one's own on a broker that all test files of a run share;
 * {@link startKafka} gives a broker (or three) of one's own, to restart, kill and configure.
 */
import { randomBytes } from "node:crypto";
import { Admin } from "@platformatic/kafka";
import { askBrokerForKafka } from "./broker-client.ts";
import { findFreePort } from "./free-port.ts";
import { type KafkaListener, KafkaProcess, type KafkaSettings } from "./kafka-process.ts";
import type { SmallDisk } from "./small-disk.ts";

export type { KafkaListener, KafkaSettings } from "./kafka-process.ts";

/** Options of {@link startKafka}. */
export interface StartKafkaOptions {
  /** The first one is the controller, too; 1 when left out. */
  readonly brokers?: number;
  /** Clients are told that the first broker is at this port: a proxy's, which the test starts. */
  readonly advertisedPort?: number;
  readonly settings?: KafkaSettings;
  /** Options of Java's; else those of a small broker that starts quickly. */
  readonly java?: readonly string[];
  /** Listeners besides the one without protection. */
  readonly listeners?: readonly KafkaListener[];
  /** A file system of its own under the data of the one broker. */
  readonly disk?: SmallDisk;
  /** Each broker has two disks ({@link KafkaProcess.loseDisk}). */
  readonly hasTwoDisks?: boolean;
  /** Files that settings name by `@FOLDER@/name`, readable by the broker alone. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Brokers of one's own. */
export interface KafkaCluster extends AsyncDisposable {
  /** `127.0.0.1:PORT,…` of all brokers. */
  readonly bootstrap: string;
  /** By node id minus one. */
  readonly brokers: readonly KafkaProcess[];
  addresses(listener: KafkaListener): string;
  /** SIGKILL of one broker, or of all. */
  kill(node?: number): Promise<void>;
  /** Starts again what was killed or stopped; resolves when it serves. */
  start(node?: number, settings?: KafkaSettings): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a cluster of one's own; 1.5 s for one broker. It ends with the process that started it, whatever happens. */
export async function startKafka(options: StartKafkaOptions = {}): Promise<KafkaCluster> {
  const replicas = options.brokers ?? 1;
  const controllerPort = await findFreePort();
  const brokers: KafkaProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker.remove()));
  };
  const chosen = (node?: number): readonly KafkaProcess[] =>
    node === undefined ? brokers : brokers.filter((broker) => broker.node === node);
  const start = async (node?: number, settings: KafkaSettings = {}): Promise<void> => {
    await Promise.all(chosen(node).map((broker) => broker.start(settings)));
    await Promise.all(chosen(node).map((broker) => broker.ready()));
  };
  try {
    for (let node = 1; node <= replicas; node += 1) {
      const ports = await portsFor(options.listeners ?? []);
      const { settings = {}, files = {}, advertisedPort, hasTwoDisks = false } = options;
      const told = node === 1 && advertisedPort !== undefined ? { advertisedPort } : {};
      const java = options.java === undefined ? {} : { java: options.java };
      const within = options.disk === undefined ? {} : { within: options.disk.within };
      const parts = { node, replicas, controllerPort, ports, settings, files, hasTwoDisks };
      const own = { ...parts, ...told, ...java, ...within };
      brokers.push(await KafkaProcess.create(own));
    }
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    bootstrap: brokers.map((broker) => broker.address()).join(","),
    brokers,
    addresses: (listener) => brokers.map((broker) => broker.address(listener)).join(","),
    kill: async (node) => {
      await Promise.all(chosen(node).map((broker) => broker.kill()));
    },
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function portsFor(listeners: readonly KafkaListener[]): Promise<ReadonlyMap<string, number>> {
  const ports = new Map<string, number>();
  for (const listener of ["PLAINTEXT", ...listeners]) ports.set(listener, await findFreePort());
  return ports;
}

/** Names of one's own on the broker of the run. */
export interface SharedKafka extends AsyncDisposable {
  readonly bootstrap: string;
  /** What the names of one's topics, groups and transactional ids begin with. */
  readonly prefix: string;
  readonly admin: Admin;
  /** Makes a topic and gives its name. */
  createTopic(name: string, partitions?: number, configs?: KafkaSettings): Promise<string>;
  /** Removes the topics that begin with the prefix. */
  release(): Promise<void>;
}

/**
 * A broker that is shared by the whole test run: the user's, where MILLRACE_TEST_KAFKA_URL names one (`HOST:PORT,…` without
 * TLS), else one that the run started. Whatever a test makes there begins with {@link SharedKafka.prefix}.
 */
export async function sharedKafka(): Promise<SharedKafka> {
  const bootstrap = await askBrokerForKafka();
  const prefix = `t${randomBytes(5).toString("hex")}-`;
  const admin = adminOf(bootstrap);
  const release = async (): Promise<void> => {
    const all = await admin.listTopics({ includeInternals: false });
    const topics = all.filter((topic) => topic.includes(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.close();
  };
  return {
    bootstrap,
    prefix,
    admin,
    createTopic: async (name, partitions = 1, configs = {}) => {
      const topic = `${prefix}${name}`;
      await createTopic(admin, topic, partitions, configs);
      return topic;
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** An administrator of a cluster; to be closed. */
export function adminOf(bootstrap: string): Admin {
  return new Admin({ clientId: "test", bootstrapBrokers: bootstrap.split(",") });
}

/** Makes a topic and waits until it has leaders. */
export async function createTopic(
  admin: Admin,
  topic: string,
  partitions = 1,
  configs: KafkaSettings = {},
): Promise<void> {
  const given = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [topic], partitions, replicas: -1, configs: given });
}
