import { finalRemedy } from "../../errors/final-remedy.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Finding } from "../../model/finding.ts";
import type { TargetTable } from "../../model/table.ts";
import type { KafkaSink } from "./kafka-sink.ts";

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

const STOPS = "The pipeline would not start.";

/**
 * What the brokers say: whether they can be reached and are new enough, which topics are there or would be made.
 * @throws MillraceError where they cannot be asked.
 */
export async function validateKafka(
  sink: KafkaSink,
  { pipeline, tasks, targets, create, drops }: KafkaRequest,
): Promise<readonly Finding[]> {
  await sink.open();
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
    const { missing, notices } = await sink.previewTable(table, create);
    const told = notices.map((what): Finding => ({
      severity: "notice",
      what,
      whatFollows: "Messages go to the topic as it is: Millrace changes none that is there.",
      remedy: "Nothing where that is meant; else alter the topic, or name another one.",
    }));
    if (missing === null || create === "if-missing") return told;
    return [
      {
        severity: "error",
        what: `there is no topic ${missing} for ${table.id}, and create is never`,
        whatFollows: STOPS,
        remedy: "Make the topic, or write create: if-missing",
      },
    ];
  } catch (error) {
    if (!(error instanceof MillraceError) || !isOfTable(error)) throw error;
    return [findingOf(error)];
  }
}

function findingOf(error: MillraceError): Finding {
  const { code, detail: what } = error;
  return { severity: "error", what, whatFollows: STOPS, remedy: finalRemedy(error), code };
}

/** Said of one table: of the others more can be said. */
function isOfTable({ code, class: kind }: MillraceError): boolean {
  return kind === "schema" || code === "MR_REGISTRY_INCOMPATIBLE" || code === "MR_SINK_REFUSED";
}
