import { buildKafkaSink } from "./build-kafka-sink.ts";
import { routerOf } from "./build-router.ts";
import type { KafkaSinkConfig, PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { KnownPipeline } from "./known-pipeline.ts";
import type { CleanedUp } from "./model/clean-up.ts";
import type { ConnectorContext } from "./model/source.ts";

const WHY =
  "its messages stay for those who read them; where nobody does, remove it with kafka-topics.sh --delete";

/** What a pipeline that is taken away leaves at its brokers, as it has written there: Millrace removes no messages. */
export async function keptTopics(
  { tables }: KnownPipeline,
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<readonly CleanedUp[]> {
  const { sink } = config;
  if (sink.kind !== "kafka") return [];
  const kafka = await buildKafkaSink(sink, context, () => null);
  try {
    const router = routerOf(config, extensions);
    const names = [...tables.values()].flatMap((shape) =>
      router.plan(shape).map((plan) => kafka.placeOf(kafka.mapTable(plan.shape, plan.target))),
    );
    return [...new Set([...names.toSorted(), ...besides(sink)])].map((name): CleanedUp => ({
      what: "topic",
      name,
      outcome: "kept",
      why: WHY,
    }));
  } finally {
    await kafka.close();
  }
}

/** Those beside the tables' topics. */
function besides({
  heartbeatTopic,
  transactionMetadata,
  transactionTopic,
  topicPrefix,
  schemaChangesTopic,
  deadLettersTopic,
}: KafkaSinkConfig): readonly string[] {
  const transactions = transactionMetadata
    ? (transactionTopic ?? `${topicPrefix}.transaction`)
    : null;
  return [heartbeatTopic, transactions, schemaChangesTopic, deadLettersTopic].filter(
    (name) => name !== null,
  );
}
