import type { Cluster } from "../../kafka/cluster.ts";
import type { TopicChoice } from "./options.ts";
import { shareName } from "./topic-table.ts";
import { chosenTopics } from "./topics.ts";

/** Every partition that a file's topics have now, by the name of its task, and how many each topic has. */
export interface Partitions {
  readonly shares: ReadonlySet<string>;
  readonly counts: ReadonlyMap<string, number>;
}

/** See {@link Partitions}. @throws MillraceError MR_SOURCE_REFUSED where a topic of a list is not there. */
export async function partitionsOf(cluster: Cluster, choice: TopicChoice): Promise<Partitions> {
  const topics = await chosenTopics(cluster, choice);
  const shares = topics.flatMap(({ name, leaders }) =>
    leaders.map((_, partition) => shareName(name, partition)),
  );
  return {
    shares: new Set(shares),
    counts: new Map(topics.map(({ name, leaders }) => [name, leaders.length])),
  };
}
