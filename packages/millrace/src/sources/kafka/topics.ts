import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster, TopicFacts } from "../../kafka/cluster.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import type { TopicChoice } from "./options.ts";

/**
 * The topics that a file names, as they are now.
 * @throws MillraceError MR_SOURCE_REFUSED where one of a list is not there.
 */
export async function chosenTopics(
  cluster: Cluster,
  { topics, pattern }: TopicChoice,
): Promise<readonly TopicFacts[]> {
  if (topics !== null) {
    const found = await cluster.topics(topics);
    const missing = topics.filter((name) => (found.get(name) ?? null) === null);
    if (missing.length > 0)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        `there is no topic ${missing.join(", ")}, or its user may not see it`,
        {
          facts: { option: "source.topic" },
          remedy:
            "Correct its name, have the topic made, or give the user DESCRIBE on it; then start again.",
        },
      );
    return [...found.values()].filter((topic) => topic !== null);
  }
  const all = await cluster.allTopics();
  return all.filter(({ name, isInternal }) => !isInternal && pattern?.test(name) === true);
}

/** The id of the topic that has this name now; null where there is none. */
export async function topicIdOf(cluster: Cluster, topic: string): Promise<string | null> {
  cluster.forgetTopic(topic);
  return (await cluster.topics([topic])).get(topic)?.id ?? null;
}

/** How many partitions the topic has now, which there has to be. @throws KafkaFault `missing` */
export async function partitionCount(
  cluster: Pick<Cluster, "forgetTopic" | "topics">,
  topic: string,
): Promise<number> {
  cluster.forgetTopic(topic);
  const facts = (await cluster.topics([topic])).get(topic) ?? null;
  if (facts === null) throw noTopic(topic);
  return facts.leaders.length;
}

/** A topic's id, which there has to be. @throws KafkaFault `missing` */
export async function needTopicId(cluster: Cluster, topic: string): Promise<string> {
  const id = await topicIdOf(cluster, topic);
  if (id !== null) return id;
  throw noTopic(topic);
}

function noTopic(topic: string): KafkaFault {
  return new KafkaFault("missing", "UNKNOWN_TOPIC_OR_PARTITION", `there is no topic ${topic}`);
}
