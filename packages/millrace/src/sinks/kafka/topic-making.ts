import { createTopicsV7, deleteTopicsV6 } from "@platformatic/kafka";
import type { Cluster } from "../../kafka/cluster.ts";
import { isRights, KafkaFault, mayComeToBe } from "../../kafka/kafka-fault.ts";

const BROKER_DEFAULT = -1;
const CREATE_TIMEOUT_MS = 30_000;
/** Of who may not make topics, whichever of the two ways to let it is missing. */
const CREATION = "CLUSTER_AUTHORIZATION_FAILED";
/** Deletion and creation are told to the brokers one after the other, milliseconds. */
const SETTLE_MS = 20_000;

/** A topic as it is to be made. */
export interface NewTopic {
  readonly name: string;
  readonly partitions: number | null;
  readonly replicationFactor: number | null;
  readonly configs: ReadonlyMap<string, string>;
}

/** Asks for a topic; false where somebody else was first. With `onlyAsks` none is made, but one that could not be is refused. */
export async function askForTopic(
  cluster: Cluster,
  { name, partitions, replicationFactor, configs }: NewTopic,
  onlyAsks = false,
): Promise<boolean> {
  const topic = {
    name,
    numPartitions: partitions ?? BROKER_DEFAULT,
    replicationFactor: replicationFactor ?? BROKER_DEFAULT,
    assignments: [],
    configs: [...configs].map(([key, value]) => ({
      name: key,
      value,
    })),
  };
  try {
    await cluster.askController(createTopicsV7.api, [topic], CREATE_TIMEOUT_MS, onlyAsks);
    return true;
  } catch (thrown) {
    if (isFault(thrown, "TOPIC_ALREADY_EXISTS")) return false;
    if (!isRights(thrown)) throw thrown;
    throw new KafkaFault("rights", CREATION, `topic ${name} is missing`, thrown);
  }
}

/** Removes a topic, where it is there. */
export async function removeTopic(cluster: Cluster, name: string): Promise<void> {
  try {
    const wanted = [{ name, topicId: null }];
    await cluster.askController(deleteTopicsV6.api, wanted, CREATE_TIMEOUT_MS);
  } catch (thrown) {
    if (!isFault(thrown, "UNKNOWN_TOPIC_OR_PARTITION")) throw thrown;
  }
  cluster.forgetTopic(name);
}

/** All brokers will know a topic that was made; it has leaders. */
export async function hasLeaders(cluster: Cluster, name: string): Promise<boolean> {
  const facts = (await cluster.topics([name])).get(name);
  return facts?.leaders.every((leader) => leader >= 0) ?? false;
}

/** Until a look at a topic that was made or removed finds what it waits for. @throws KafkaFault */
export function untilSettled<T>(
  cluster: Cluster,
  name: string,
  look: () => Promise<T | null>,
): Promise<T> {
  const attempt = async (): Promise<T> => {
    const found = await look();
    if (found !== null) return found;
    throw new KafkaFault("retriable", "LEADER_NOT_AVAILABLE", `topic ${name} is not ready`);
  };
  // A broker that has not heard of it yet, or not yet that it is gone, says that its settings are missing.
  return cluster.patiently(SETTLE_MS, attempt, mayComeToBe);
}

function isFault(thrown: unknown, id: string): boolean {
  return thrown instanceof KafkaFault && thrown.id === id;
}
