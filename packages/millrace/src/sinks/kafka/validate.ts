import { finalRemedy } from "../../errors/final-remedy.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Finding } from "../../model/finding.ts";
import type { TargetTable } from "../../model/table.ts";
import type { KafkaSink } from "./kafka-sink.ts";
import type { TopicPreview } from "./topics.ts";

/** What is asked before a start. */
export interface KafkaRequest {
  readonly pipeline: string;
  /** What a run would take over. */
  readonly tasks: readonly string[];
  readonly targets: readonly TargetTable[];
  readonly create: "if-missing" | "never";
  /** A DROP TABLE at the source removes the topic. */
  readonly drops: boolean;
}

const BROKERS = "sink.properties.bootstrap.servers";
const STOPS = "The pipeline would not start.";

/**
 * What the brokers say: whether they can be reached and are new enough, which topics are there or would be made.
 * @throws MillraceError where they cannot be asked.
 */
export async function validateKafka(
  sink: KafkaSink,
  { pipeline, tasks, targets, create, drops }: KafkaRequest,
): Promise<readonly Finding[]> {
  try {
    await sink.open();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "MR_SINK_LOST_CONNECTION") throw error;
    return [{ ...findingOf(error), option: BROKERS }];
  }
  const findings = (await sink.previewTakeover(pipeline, tasks)).map(findingOf);
  findings.push(...(await sink.previewState(pipeline)));
  for (const table of targets) findings.push(...(await checkTopic(sink, table, create)));
  const kept = drops ? await Promise.all(targets.map((table) => sink.previewRemoval(table))) : [];
  findings.push(...kept.filter((topic) => topic !== null).map(undroppable));
  // Several tables, or tasks, may lack the same.
  return [...new Map(findings.map((finding) => [finding.what, finding])).values()];
}

function undroppable(topic: string): Finding {
  return {
    severity: "warning",
    what: `the user may not remove topic ${topic}, and drop.table is let in`,
    whatFollows: "A DROP TABLE at the source would stop the pipeline until the right is given.",
    remedy: "Give DELETE on the topic, or leave drop.table out of include.schema.changes",
  };
}

async function checkTopic(
  sink: KafkaSink,
  table: TargetTable,
  create: KafkaRequest["create"],
): Promise<readonly Finding[]> {
  try {
    const topic = await sink.previewTable(table, create);
    const told = topic.notices.map((what): Finding => ({
      severity: "notice",
      what,
      whatFollows: "Messages go to the topic as it is: Millrace changes none that is there.",
      remedy: "Nothing where that is meant; else alter the topic, or name another one.",
    }));
    if (topic.isMissing && create === "never") return [notMade(table, topic)];
    return [...told, ...inOnePartition(table, topic)];
  } catch (error) {
    if (!(error instanceof MillraceError) || !isOfTable(error)) throw error;
    return [findingOf(error)];
  }
}

/** Partitions are for good, or keys move; how many there are to be only the operator knows. */
function notMade({ id, keyless }: TargetTable, { name }: TopicPreview): Finding {
  const make = `Make it: kafka-topics.sh --create --topic ${name} --partitions`;
  const how = keyless
    ? "1 (the table has no key: its messages all go to one partition, and a topic with cleanup.policy compact takes none of them)"
    : "N, as many as consumers are ever to share it (with more later on, keys move), and with --config cleanup.policy=compact where the last message of a key is enough";
  return {
    severity: "error",
    what: `there is no topic ${name} for ${id}, and create is never`,
    whatFollows: STOPS,
    remedy: `${make} ${how}. Or write create: if-missing`,
    option: "sink.create",
  };
}

/** See `partitionerOf`. */
function inOnePartition(
  { id, keyless }: TargetTable,
  { name, isMissing, partitions }: TopicPreview,
): readonly Finding[] {
  if (!keyless || partitions === null || partitions === 1) return [];
  const has = isMissing ? "would have" : "has";
  return [
    {
      severity: "notice",
      what: `${id} has no key: all of its messages go to one partition of topic ${name}, which ${has} ${partitions}`,
      whatFollows: "They keep their order; no more than one consumer of a group reads them.",
      remedy:
        "Nothing where that is enough; else give the table a key. Make the topic with one partition beforehand, to have none that stay empty.",
    },
  ];
}

function findingOf(error: MillraceError): Finding {
  const { code, detail: what, facts } = error;
  const option = facts["option"];
  const named = typeof option === "string" ? { option } : {};
  return {
    severity: "error",
    what,
    whatFollows: STOPS,
    remedy: finalRemedy(error),
    code,
    ...named,
  };
}

/** Said of one table: of the others more can be said. */
function isOfTable({ code, class: kind }: MillraceError): boolean {
  return kind === "schema" || code === "MR_REGISTRY_INCOMPATIBLE" || code === "MR_SINK_REFUSED";
}
