import { MillraceError } from "../../errors/millrace-error.ts";
import type { Finding } from "../../model/finding.ts";
import type { TargetTable } from "../../model/table.ts";
import type { KafkaSink } from "./kafka-sink.ts";

/** What is asked before a start. */
export interface KafkaRequest {
  readonly targets: readonly TargetTable[];
  readonly create: "if-missing" | "never";
}

const STOPS = "The pipeline would not start.";

/**
 * What the brokers say: whether they can be reached and are new enough, which topics are there or would be made.
 * @throws MillraceError where they cannot be asked.
 */
export async function validateKafka(
  sink: KafkaSink,
  { targets, create }: KafkaRequest,
): Promise<readonly Finding[]> {
  await sink.open();
  const findings: Finding[] = [];
  for (const table of targets) findings.push(...(await checkTopic(sink, table, create)));
  return findings;
}

async function checkTopic(
  sink: KafkaSink,
  table: TargetTable,
  create: KafkaRequest["create"],
): Promise<readonly Finding[]> {
  try {
    const { missing, notices } = await sink.previewTable(table);
    const told = notices.map((what): Finding => ({
      severity: "notice",
      what,
      whatFollows: "Messages go to the partitions that there are.",
      remedy: "Nothing, unless that is not meant.",
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
    const { code, detail: what, remedy } = error;
    return [{ severity: "error", what, whatFollows: STOPS, remedy, code }];
  }
}

/** Said of one table: of the others more can be said. */
function isOfTable({ code, class: kind }: MillraceError): boolean {
  return kind === "schema" || code === "MR_REGISTRY_INCOMPATIBLE";
}
