import { TableTopics } from "../schema/table-topics.ts";
import type { Surroundings } from "./interpolate.ts";
import { finishKafkaConnection } from "./finish-kafka-connection.ts";
import type { KAFKA_SINK_OPTIONS } from "./options/kafka-sink-options.ts";
import type { PIPELINE_OPTIONS } from "./options/pipeline-options.ts";
import type { KafkaSinkConfig } from "./pipeline-config.ts";
import { type Say, sayOf } from "./say.ts";
import type { Findings, Section } from "./section.ts";

interface Parts {
  readonly name: string;
  /** Kind of the source. */
  readonly source: string;
  readonly pipeline: Section<typeof PIPELINE_OPTIONS>;
  readonly surroundings: Surroundings;
  readonly findings: Findings;
}

type KafkaSection = Section<typeof KAFKA_SINK_OPTIONS>;

/** Brokers of Kafka Connect's and Flink's files. */
export function finishKafkaSink(section: KafkaSection, parts: Parts): KafkaSinkConfig {
  const { sslMode: _mode, sslCa: _ca, sslCert: _cert, sslKey: _key, ...rest } = section.values;
  const say = sayOf(section, "sink", parts.findings);
  const tls = finishKafkaConnection(section, "sink", parts);
  checkTimes(section, say);
  checkTopics(section, say);
  checkRegistry(section, say);
  checkSideTopics(section, parts.name, say);
  checkEnvelope(section, parts.source, say);
  tellIdle(section, parts);
  const { tableTopicPrefix: _prefix, ...values } = rest;
  return {
    ...values,
    kind: "kafka",
    topicPattern: topicPattern(section, parts.source),
    tls,
    clientId: rest.clientId ?? `millrace-${parts.name}`,
    batchRowsAreGiven: section.given.has("batch-size"),
    topicPrefix: rest.topicPrefix ?? parts.name,
  };
}

type Idle = Pick<KafkaSection, "values" | "given">;

/** Options of messages that the chosen format, or the guarantee, has no use for. */
function tellIdleOfMessages({ values, given }: Idle, findings: Findings): void {
  const { valueFormat: format, deliveryGuarantee, decimalMode } = values;
  const tell = (name: string, message: string): void => {
    const place = given.get(name);
    if (place !== undefined) findings.notice(place, `sink.${name}`, message);
  };
  if (deliveryGuarantee === "none")
    tell("sink.delivery-guarantee", "is none, and messages are written at least once all the same");
  if (deliveryGuarantee !== "exactly-once")
    tell("sink.transaction.timeout", "changes nothing: at least once there are no transactions");
  if (format !== "plain-json" && format !== "canal-json") return;
  const onlyKeys = (what: string) => `changes keys only: ${format} has ${what} as text`;
  tell("time.precision.mode", onlyKeys("times"));
  tell("interval.handling.mode", onlyKeys("intervals"));
  if (decimalMode === "string") tell("decimal.handling.mode", onlyKeys("decimals"));
  const deleted =
    format === "plain-json"
      ? "a deleted row is a message without value"
      : "a deleted row is a message with its columns";
  tell("tombstones.on.delete", `changes nothing: of ${format} ${deleted} and nothing behind it`);
}

/** What is asked for and has no effect, because every change becomes a message and one lane writes them. */
function tellIdle({ values, given }: Idle, { pipeline, findings }: Parts): void {
  const compaction = given.get("compaction.enabled");
  if (compaction !== undefined && values.compaction)
    findings.notice(
      compaction,
      "sink.compaction.enabled",
      "is true and changes nothing: every change becomes a message of its own",
    );
  tellIdleOfMessages({ values, given }, findings);
  const lanes = pipeline.given.get("parallelism");
  const { parallelism } = pipeline.values;
  if (lanes !== undefined && parallelism > 1)
    findings.notice(
      lanes,
      "pipeline.parallelism",
      `is ${parallelism} and changes nothing: a Kafka sink has one lane, in which the next messages are made while those before are under way`,
    );
}

/** Trustpilot's connector begins the topics of its tables so. */
const DYNAMODB_PREFIX = "dynamodb-";

function topicPattern({ values, given }: KafkaSection, source: string): string {
  const { tableTopicPrefix, topicPattern: pattern } = values;
  if (given.has("topic.pattern")) return pattern;
  const prefix = tableTopicPrefix ?? (source === "dynamodb" ? DYNAMODB_PREFIX : null);
  return prefix === null ? pattern : `${prefix}{table}`;
}

function checkEnvelope({ values }: KafkaSection, source: string, say: Say): void {
  if (values.valueFormat !== "dynamodb-envelope" || source === "dynamodb") return;
  say(
    "value.format",
    `is dynamodb-envelope, whose documents are items of DynamoDB, and the source is ${source}`,
    "Write value.format: debezium-json",
  );
}

/** Behind this share of a transaction's time nothing more of it is sent: what passes is to be waited for before that. */
export const SENDING_SHARE = 0.75;

function checkTimes({ values }: KafkaSection, say: Say): void {
  const { transactionTimeoutMs, deliveryTimeoutMs, requestTimeoutMs, deliveryGuarantee } = values;
  const hasTransactions = deliveryGuarantee === "exactly-once";
  if (hasTransactions && deliveryTimeoutMs > SENDING_SHARE * transactionTimeoutMs)
    say(
      "sink.transaction.timeout",
      "is too short for sink.delivery-timeout, which may be three quarters of it: the broker would abort what is still being sent",
      "Write a longer one, or a shorter sink.delivery-timeout",
    );
  if (requestTimeoutMs > deliveryTimeoutMs)
    say(
      "request-timeout",
      "is longer than sink.delivery-timeout: nothing would ever be sent again",
      "Write a shorter one, or a longer sink.delivery-timeout",
    );
}

function checkTopics({ values, given }: KafkaSection, say: Say): void {
  const { maxRequestBytes, maxTransactionBytes, create, keyFormat, valueFormat } = values;
  if (maxRequestBytes > maxTransactionBytes)
    say(
      "properties.max.request.size",
      "is more than sink.transaction.max-bytes",
      "Write a larger sink.transaction.max-bytes",
    );
  for (const name of ["topic.partitions", "topic.configs"])
    if (create === "never" && given.has(name))
      say(name, "is given, but create is never", "Take out one of the two");
  const hasSchema = valueFormat === "debezium-json" || valueFormat === "dynamodb-envelope";
  if (!hasSchema && given.has("debezium-json.include-schema.enabled"))
    say(
      "debezium-json.include-schema.enabled",
      `is given, but value.format is ${valueFormat}`,
      "Take it out, or write value.format: debezium-json",
    );
  for (const name of given.keys())
    if (valueFormat !== "dynamodb-envelope" && name.startsWith("dynamodb-envelope."))
      say(
        name,
        `is given, but value.format is ${valueFormat}`,
        "Take it out, or write value.format: dynamodb-envelope",
      );
  if (keyFormat === "string" && sharesTopics(values))
    say(
      "key.format",
      "is string, but several tables share a topic: their keys would be equal",
      "Write key.format: json",
    );
}

function sharesTopics({ topic, topicMapping }: KafkaSection["values"]): boolean {
  return topic !== null || new TableTopics(topicMapping ?? []).sharesTopics;
}

const REGISTRY = "schema.registry.";

function checkRegistry({ values, given, failed }: KafkaSection, say: Say): void {
  const { valueFormat, keyFormat, registryUrls, registryUsername, registryPassword } = values;
  const wants =
    valueFormat === "avro" ? "value.format" : keyFormat === "avro" ? "key.format" : null;
  const url = `${REGISTRY}url`;
  if (wants !== null && registryUrls === null && !failed.has(url))
    say(url, `is missing, and ${wants} is avro`, `Write ${url}: https://host:8081`);
  for (const name of given.keys())
    if (wants === null && name.startsWith(REGISTRY))
      say(
        name,
        "is given, but nothing is written as avro",
        "Write value.format: avro, or take it out",
      );
  if (registryUsername !== null && registryPassword === null && !failed.has(`${REGISTRY}password`))
    say(
      `${REGISTRY}password`,
      `is missing, and ${REGISTRY}username is given`,
      `Write ${REGISTRY}password: \${env:REGISTRY_PASSWORD}`,
    );
  if (registryUsername === null && registryPassword !== null && !failed.has(`${REGISTRY}username`))
    say(
      `${REGISTRY}username`,
      `is missing, and ${REGISTRY}password is given`,
      `Write ${REGISTRY}username:`,
    );
  checkSubjects(values, say);
}

/** Two tables would be versions of one subject, which no registry takes. */
function checkSubjects(values: KafkaSection["values"], say: Say): void {
  const { registrySubject, valueFormat, keyFormat } = values;
  if (registrySubject !== "TopicNameStrategy" || (valueFormat !== "avro" && keyFormat !== "avro"))
    return;
  if (!sharesTopics(values)) return;
  say(
    `${REGISTRY}subject.name.strategy`,
    "is TopicNameStrategy, but several tables share a topic: their schemas would be versions of one subject",
    "Write RecordNameStrategy or TopicRecordNameStrategy",
  );
}

/** Nobody could tell the messages of two of them apart, or from rows. */
function checkSideTopics({ values, given }: KafkaSection, pipeline: string, say: Say): void {
  const { valueFormat, transactionMetadata, topic } = values;
  if (transactionMetadata && valueFormat !== "debezium-json" && valueFormat !== "avro")
    say(
      "provide.transaction.metadata",
      `is true, but messages of ${valueFormat} have no place for it`,
      "Write value.format: debezium-json or avro",
    );
  if (!transactionMetadata && values.transactionTopic !== null)
    say(
      "transaction.topic",
      "is given, but provide.transaction.metadata is not true",
      "Write provide.transaction.metadata: true",
    );
  if (values.heartbeatTopic === null && given.has("heartbeat.topic.interval"))
    say("heartbeat.topic.interval", "is given without heartbeat.topic", "Write heartbeat.topic:");
  // What patterns of topics come to shows with the tables (TopicNames).
  const taken = new Set([topic, ...(values.topicMapping ?? []).map(([, name]) => name)]);
  const transactions = values.transactionTopic ?? `${values.topicPrefix ?? pipeline}.transaction`;
  const named = [
    ["state.topic", values.stateTopic ?? `millrace-${pipeline}-state`],
    ["heartbeat.topic", values.heartbeatTopic],
    ["transaction.topic", transactionMetadata ? transactions : null],
    ["schema-changes.topic", values.schemaChangesTopic],
    ["dead-letters.topic", values.deadLettersTopic],
  ] as const;
  for (const [option, name] of named) {
    if (name !== null && taken.has(name))
      say(option, `is ${name}, which something else goes to`, "Write a topic of its own");
    taken.add(name);
  }
}
