import { ConfigResourceTypes, describeConfigsV4 } from "@platformatic/kafka";
import type { Cluster } from "../../kafka/cluster.ts";
import { isRights } from "../../kafka/kafka-fault.ts";

const TOPIC_RESOURCE = ConfigResourceTypes.TOPIC;
/** The largest batch that a topic takes. */
export const MAX_MESSAGE_BYTES = "max.message.bytes";
/** What becomes of a topic's old messages. */
export const CLEANUP_POLICY = "cleanup.policy";

/** A topic as it is. */
export interface SeenTopic {
  /** Of this topic and of no other one, whatever its name. */
  readonly id: string;
  readonly partitions: number;
  readonly replicas: number;
  /** `max.message.bytes`, `cleanup.policy` and what the file says of topics; null where this user may not ask for them. */
  readonly settings: ReadonlyMap<string, string> | null;
}

/** A topic as its brokers have it, with these settings of it beside those that always count; null where there is none. */
export async function lookAtTopic(
  cluster: Cluster,
  name: string,
  settings: Iterable<string>,
): Promise<SeenTopic | null> {
  const facts = (await cluster.topics([name])).get(name) ?? null;
  if (facts === null) return null;
  const { id, leaders, replicas } = facts;
  const found = await settingsOf(cluster, name, settings);
  return { id, partitions: leaders.length, replicas, settings: found };
}

/** Null where this user may not ask for a topic's settings. */
async function settingsOf(
  cluster: Cluster,
  name: string,
  settings: Iterable<string>,
): Promise<ReadonlyMap<string, string> | null> {
  const wanted = {
    resourceType: TOPIC_RESOURCE,
    resourceName: name,
    configurationKeys: [...new Set([MAX_MESSAGE_BYTES, CLEANUP_POLICY, ...settings])],
  };
  try {
    const { results } = await cluster.ask(describeConfigsV4.api, [wanted], false, false);
    const found = results[0]?.configs ?? [];
    // What has no value is not known: as a text without letters it would be a limit of 0 bytes.
    return new Map(
      found.flatMap(({ name: key, value }) => (typeof value === "string" ? [[key, value]] : [])),
    );
  } catch (thrown) {
    if (isRights(thrown)) return null;
    throw thrown;
  }
}
