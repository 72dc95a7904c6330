import { unreachable } from "../../errors/unreachable.ts";
import { Cluster } from "../../kafka/cluster.ts";
import type { Finding } from "../../model/finding.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { sourceError } from "./errors.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { chosenTopics } from "./topics.ts";

/** What the brokers say about a pipeline before it is started. Writes nothing. */
export async function validateKafkaSource(
  options: KafkaSourceOptions,
  context: ConnectorContext,
): Promise<Finding[]> {
  const cluster = new Cluster({ ...options.cluster, clock: context.clock });
  try {
    await cluster.abilities();
    const topics = await chosenTopics(cluster, options.choice);
    if (topics.length > 0) return [];
    return [
      {
        severity: "warning",
        what: "No topic matches topic-pattern now.",
        whatFollows: "The pipeline waits for one.",
        remedy: "Look at the pattern, and at what topics its user may see (DESCRIBE).",
        option: "source.topic-pattern",
      },
    ];
  } catch (thrown) {
    return [unreachable(sourceError(thrown))];
  } finally {
    await cluster.close();
  }
}
