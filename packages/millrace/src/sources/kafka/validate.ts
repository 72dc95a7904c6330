import { finalRemedy } from "../../errors/final-remedy.ts";
import { unreachable } from "../../errors/unreachable.ts";
import { Cluster, type TopicFacts } from "../../kafka/cluster.ts";
import { isRights, type KafkaFault } from "../../kafka/kafka-fault.ts";
import { probeGroup } from "../../kafka/probes.ts";
import type { Finding } from "../../model/finding.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { sourceError, startError } from "./errors.ts";
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
    const { topics, findings } = await checkRights(cluster, options);
    if (topics.length > 0 || findings.length > 0) return findings;
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
    const finding = unreachable(sourceError(thrown));
    const isLost = finding.code === "MR_SOURCE_LOST_CONNECTION";
    return [isLost ? { ...finding, option: "source.properties.bootstrap.servers" } : finding];
  } finally {
    await cluster.close();
  }
}

/** What the user lacks for what there is to be read, all of it. */
async function checkRights(
  cluster: Cluster,
  { choice, groupId }: KafkaSourceOptions,
): Promise<{ readonly topics: readonly TopicFacts[]; readonly findings: Finding[] }> {
  const findings: Finding[] = [];
  const topics = await chosenTopics(cluster, choice).catch((thrown: unknown) => {
    if (!isRights(thrown)) throw thrown;
    findings.push(refusalOf(thrown));
    return [];
  });
  const lacking = await cluster.lacking(new Map(topics.map(({ name }) => [name, ["READ"]])));
  findings.push(...[...lacking.values()].map(refusalOf));
  await probeGroup(cluster, groupId).catch((thrown: unknown) => {
    if (!isRights(thrown)) throw thrown;
    findings.push(refusalOf(thrown));
  });
  return { topics, findings };
}

function refusalOf(thrown: KafkaFault): Finding {
  const error = startError(thrown);
  const { code, detail: what } = error;
  const whatFollows = "The pipeline would not start.";
  return { severity: "error", what, whatFollows, remedy: finalRemedy(error), code };
}
