import { finishKafkaConnection } from "./finish-kafka-connection.ts";
import type { SourceParts } from "./finish-source.ts";
import type { KAFKA_SOURCE_OPTIONS, KafkaSourceSection } from "./options/kafka-source-options.ts";
import type { KafkaSourceConfig, KafkaStartupConfig } from "./pipeline-config.ts";
import { type Say, sayOf } from "./say.ts";
import type { Section } from "./section.ts";
import { checkSourceTables } from "./source-tables.ts";

type KafkaSection = Section<typeof KAFKA_SOURCE_OPTIONS>;

/** Fills in what follows from other options, and checks what only shows between them. */
export function finishKafkaSource(section: KafkaSection, parts: SourceParts): KafkaSourceConfig {
  const { values } = section;
  const say = sayOf(section, "source", parts.findings);
  checkSourceTables(section, 2, parts.findings);
  checkTopics(section, say);
  checkStartup(section, say);
  checkKeys(section, say);
  if (values.heartbeatIntervalMs * 3 > values.sessionTimeoutMs)
    say(
      "properties.heartbeat.interval.ms",
      "is more than a third of properties.session.timeout.ms: one that is late would cost the partitions",
      "Write a shorter one, or a longer properties.session.timeout.ms",
    );
  const tls = finishKafkaConnection(section, "source", parts);
  const { sslMode: _mode, sslCa: _ca, sslCert: _cert, sslKey: _key, ...more } = values;
  const { startupMode: _start, startupTimestampMs: _ms, startupOffsets: _offsets, ...rest } = more;
  return {
    ...rest,
    kind: "kafka",
    database: null,
    startup: startupOf(values),
    clientId: rest.clientId ?? `millrace-${parts.name}`,
    groupId: rest.groupId ?? `millrace-${parts.name}`,
    tls,
  };
}

function checkTopics({ values, failed }: KafkaSection, say: Say): void {
  const isMissing = values.topics === null && values.topicPattern === null;
  if (isMissing && !failed.has("topic") && !failed.has("topic-pattern"))
    say("topic", "is missing", "Write topic: shop.public.orders, or topic-pattern:");
}

const TIMESTAMP = "scan.startup.timestamp-millis";
const OFFSETS = "scan.startup.specific-offsets";

function checkStartup({ values, given, failed }: KafkaSection, say: Say): void {
  const { startupMode: mode } = values;
  for (const [name, wanted] of [
    [TIMESTAMP, "timestamp"],
    [OFFSETS, "specific-offsets"],
  ] as const) {
    if (mode === wanted && !given.has(name) && !failed.has(name))
      say("scan.startup.mode", `is ${mode}, but ${name} is missing`, `Write ${name}`);
    if (mode !== wanted && given.has(name) && !failed.has("scan.startup.mode"))
      say(
        name,
        `is given, but scan.startup.mode is ${mode}`,
        `Write scan.startup.mode: ${wanted}, or take it out`,
      );
  }
  if (mode === "specific-offsets" && values.topics?.length !== 1)
    say(OFFSETS, "is about one topic, and several are read", "Write topic: with one name");
}

function checkKeys({ values }: KafkaSection, say: Say): void {
  const empty = (values.primaryKeys ?? []).find(
    ([table, columns]) =>
      !table.includes(".") || columns.split(",").some((name) => name.trim() === ""),
  );
  if (empty !== undefined)
    say(
      "primary-keys",
      `does not say a table and its columns: ${empty.join(":")}`,
      "Write schema.table:column,column",
    );
}

function startupOf(values: KafkaSourceSection): KafkaStartupConfig {
  const { startupMode: mode, startupTimestampMs: timestampMs, startupOffsets: offsets } = values;
  if (mode === "timestamp") return { mode, timestampMs: timestampMs ?? 0 };
  if (mode === "specific-offsets") return { mode, offsets: offsets ?? new Map<number, number>() };
  return { mode };
}
