/** What stands where in a cluster of a test's, and moving it: leaders, coordinators, the disks of a broker. */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import {
  alterPartitionReassignmentsV1,
  alterReplicaLogDirsV2,
  describeLogDirsV4,
  describeTransactionsV0,
  listPartitionReassignmentsV0,
} from "@platformatic/kafka";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import type { Cluster } from "../../packages/millrace/src/kafka/cluster.ts";
import { LATEST, offsetAt } from "../../packages/millrace/src/kafka/partition.ts";

const PATIENCE_MS = 60_000;

/** See above. */
export class BrokerPlaces {
  readonly #bootstrap: string;
  readonly #cluster: Cluster;

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap;
    this.#cluster = clusterAt(bootstrap, { requestTimeoutMs: 5_000 });
  }

  /** The broker that coordinates the transactions of an id now. */
  async coordinator(transactionalId: string): Promise<number> {
    this.#cluster.forgetCoordinator(transactionalId);
    return this.#patiently(() => this.#cluster.coordinator(transactionalId));
  }

  /** Waits until it is another one than that which is gone. */
  async coordinatorBehind(transactionalId: string, gone: number): Promise<number> {
    await becomes(
      () => this.coordinator(transactionalId),
      (node) => node !== gone,
    );
    return this.coordinator(transactionalId);
  }

  /** A group needs a topic of its own, which no broker makes once one of its replicas' is gone. */
  async makeGroups(): Promise<void> {
    const cluster = clusterAt(this.#bootstrap);
    await cluster.patiently(PATIENCE_MS, () => cluster.coordinator("any", "group"));
    await cluster.close();
  }

  /** `Ongoing` and so on; as its coordinator says it. */
  async transactionOf(transactionalId: string): Promise<string> {
    const node = await this.coordinator(transactionalId);
    const connection = await this.#cluster.connection(node, "control");
    const answer = await connection.call(describeTransactionsV0.api, [transactionalId]);
    return answer.transactionStates[0]?.transactionState ?? "";
  }

  /** The leaders of a topic, by partition. */
  async leaders(topic: string): Promise<readonly number[]> {
    this.#cluster.forgetTopic(topic);
    const found = await this.#patiently(() => this.#cluster.topics([topic]));
    const facts = found.get(topic) ?? null;
    if (facts === null) throw new Error(`there is no topic ${topic}`);
    return facts.leaders;
  }

  /** How many messages are committed in a topic. */
  async told(topic: string): Promise<number> {
    const leaders = await this.leaders(topic);
    const ends = await Promise.all(
      leaders.map((_, partition) =>
        this.#patiently(() => offsetAt(this.#cluster, { topic, partition }, LATEST, "committed")),
      ),
    );
    return ends.reduce((sum, end) => sum + end, 0);
  }

  /** Waits until so many messages more are committed in a topic than now. */
  async tells(topic: string, messages: number): Promise<void> {
    const wanted = (await this.told(topic)) + messages;
    const told = () => this.told(topic);
    await becomes(told, (count) => count >= wanted);
  }

  /** Gives every partition of these topics to these brokers and to no other; resolves when they lead and have all. */
  async give(topics: readonly string[], nodes: readonly number[]): Promise<void> {
    const wanted: Parameters<typeof alterPartitionReassignmentsV1.api.async>[3] = [];
    for (const name of topics) {
      const leaders = await this.leaders(name);
      // In turn, so that each of them leads some.
      const partitions = leaders.map((_, partitionIndex) => ({
        partitionIndex,
        replicas: nodes.map((_node, at) => nodes[(at + partitionIndex) % nodes.length] ?? -1),
      }));
      wanted.push({ name, partitions });
    }
    await this.#patiently(() =>
      this.#cluster.askController(alterPartitionReassignmentsV1.api, 10_000, true, wanted),
    );
    const moving = async (): Promise<number> => {
      const answer = await this.#patiently(() =>
        this.#cluster.askController(listPartitionReassignmentsV0.api, 10_000, null),
      );
      return answer.topics.length;
    };
    await becomes(moving, (left) => left === 0);
    for (const name of topics) {
      const strangers = async () =>
        (await this.leaders(name)).filter((leader) => !nodes.includes(leader));
      await becomes(strangers, (left) => left.length === 0);
    }
  }

  /** By the folder of each of a broker's disks that works: the partitions of a topic that it has there. */
  async disks(node: number, topic: string): Promise<ReadonlyMap<string, readonly number[]>> {
    await this.leaders(topic);
    const connection = await this.#cluster.connection(node, "control");
    const { results } = await connection.call(describeLogDirsV4.api, null);
    return new Map(
      results.map(({ logDir, topics }) => [
        logDir,
        topics
          .filter(({ name }) => name === topic)
          .flatMap(({ partitions }) =>
            partitions.filter(({ isFutureKey }) => !isFutureKey).map((each) => each.partitionIndex),
          ),
      ]),
    );
  }

  /** Moves a broker's replicas of a topic to one of its disks. */
  async moveToDisk(node: number, topic: string, path: string): Promise<void> {
    const partitions = [...(await this.leaders(topic)).keys()];
    const connection = await this.#cluster.connection(node, "control");
    const dirs = [{ path, topics: [{ name: topic, partitions }] }];
    await connection.call(alterReplicaLogDirsV2.api, dirs);
    const there = async () => (await this.disks(node, topic)).get(path)?.toSorted((a, b) => a - b);
    await becomes(there, (found) => isDeepStrictEqual(found, partitions));
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  #patiently<T>(ask: () => Promise<T>): Promise<T> {
    return this.#cluster.patiently(PATIENCE_MS, ask);
  }
}

/** Asks until it is so; outside of a test run, too. */
async function becomes<T>(ask: () => Promise<T>, isSo: (found: T) => boolean): Promise<void> {
  const deadline = Date.now() + 2 * PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (isSo(found)) return;
    if (Date.now() > deadline) throw new Error(`it stays ${JSON.stringify(found)}`);
    await sleep(50);
  }
}
