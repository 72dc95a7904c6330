import type { Surroundings } from "./interpolate.ts";
import type { Place } from "./problem.ts";
import type { Findings } from "./section.ts";
import type { Entry, MapNode, Node } from "./tree.ts";
import { entryOf } from "./tree.ts";

/*
 * Files of Kafka Connect, as they are: the JSON that its REST takes, with `name` and `config`, or the configuration alone. Of
 * them trustpilot/kafka-connect-dynamodb is known; its options are those of the DynamoDB source, the rest is Connect's own.
 */

const CONNECTOR_CLASS = "com.trustpilot.connector.dynamodb.DynamoDBSourceConnector";
/** Where Connect's images take the brokers from, which no connector's file has. */
const BOOTSTRAP_VARIABLE = "CONNECT_BOOTSTRAP_SERVERS";
const BOOTSTRAP = "producer.override.bootstrap.servers";

/** The configuration of a connector, where the file is one; null for any other file. */
export function connectorConfig(root: Node): MapNode | null {
  if (root.kind !== "map") return null;
  if (entryOf(root, "connector.class") !== undefined) return root;
  const config = entryOf(root, "config")?.value;
  if (config?.kind !== "map" || entryOf(config, "connector.class") === undefined) return null;
  const name = entryOf(root, "name");
  return name === undefined || entryOf(config, "name") !== undefined
    ? config
    : { ...config, entries: [name, ...config.entries] };
}

/** The pipeline that a connector comes to: a tree of places in its own file. What is wrong goes to the findings. */
export function pipelineOfConnector(
  config: MapNode,
  surroundings: Surroundings,
  findings: Findings,
): MapNode {
  return new Connector(config, surroundings, findings).pipeline();
}

class Connector {
  readonly #config: MapNode;
  readonly #surroundings: Surroundings;
  readonly #findings: Findings;
  readonly #source: Entry[] = [];
  readonly #sink: Entry[] = [];

  constructor(config: MapNode, surroundings: Surroundings, findings: Findings) {
    this.#config = config;
    this.#surroundings = surroundings;
    this.#findings = findings;
  }

  pipeline(): MapNode {
    const { place } = this.#config;
    this.#checkClass();
    this.#source.push(entry("type", "dynamodb", place));
    this.#sink.push(entry("type", "kafka", place));
    this.#sink.push(entry("value.format", "dynamodb-envelope", place));
    // Who reads these topics knows no other message than the connector's.
    this.#sink.push(entry("generation.markers", "false", place));
    for (const one of this.#config.entries) this.#take(one);
    this.#brokers();
    this.#schemas();
    const name = entryOf(this.#config, "name");
    const pipeline = name === undefined ? [] : [name];
    return map(
      [
        section("source", this.#source, place),
        section("sink", this.#sink, place),
        section("pipeline", pipeline, place),
      ],
      place,
    );
  }

  #checkClass(): void {
    const found = entryOf(this.#config, "connector.class");
    if (found === undefined || textOf(found) === CONNECTOR_CLASS) return;
    this.#findings.problem(
      found.value.place,
      "connector.class",
      `is no connector that is known: of Kafka Connect's files those of ${CONNECTOR_CLASS} are taken`,
      "Write a pipeline file",
    );
  }

  #take(one: Entry): void {
    const { key } = one;
    if (key === "name" || key === "connector.class" || CONVERTERS.test(key)) return;
    if (one.value.kind === "scalar" && one.value.text === "") return this.#unset(one);
    const meaning = WITHOUT_MEANING.find(({ keys }) => keys.test(key));
    if (meaning !== undefined) return this.#tell(one, meaning.why);
    if (this.#isOverruled(key))
      return this.#tell(one, "has no meaning beside dynamodb.table.whitelist, which counts alone");
    const changed = CHANGES_MESSAGES.test(key);
    if (changed)
      return this.#wrong(
        one,
        "changes messages on their way, which is not done here",
        "Take it out, or do it behind the topic",
      );
    const sinkKey = SINK_KEYS.get(key) ?? overridden(key);
    if (sinkKey === null) this.#source.push(one);
    else this.#sink.push({ ...one, key: sinkKey });
    if (key === "dynamodb.table.env.tag.value" && textOf(one).includes(","))
      this.#tell(one, "is several values here, separated by its commas, of which a table has one");
  }

  /** The connector would have read no tables by an empty whitelist, and signed with empty keys. */
  #unset(one: Entry): void {
    this.#tell(one, "is empty, and counts as left out");
  }

  #isOverruled(key: string): boolean {
    if (!/^dynamodb\.table\.(ingestion|env)\.tag\./.test(key)) return false;
    const whitelist = entryOf(this.#config, "dynamodb.table.whitelist");
    return whitelist !== undefined && textOf(whitelist) !== "";
  }

  #brokers(): void {
    if (this.#sink.some(({ key }) => key === SINK_KEYS.get(BOOTSTRAP))) return;
    const { place } = this.#config;
    const brokers = `\${env:${BOOTSTRAP_VARIABLE}:-none:9092}`;
    this.#sink.push(entry("properties.bootstrap.servers", brokers, place));
    if (this.#surroundings.env[BOOTSTRAP_VARIABLE] !== undefined) return;
    this.#findings.problem(
      place,
      BOOTSTRAP,
      "is missing: a connector's file does not say where Kafka is, its worker's does",
      `Set ${BOOTSTRAP_VARIABLE} to the worker's bootstrap.servers, or write ${BOOTSTRAP}`,
    );
  }

  /** Messages are what Connect's JSON converter would have made; of a file without converters the worker has them. */
  #schemas(): void {
    const { place } = this.#config;
    for (const name of ["key.converter", "value.converter"]) {
      const found = entryOf(this.#config, name);
      if (found !== undefined && !textOf(found).endsWith(".JsonConverter"))
        this.#wrong(
          found,
          "is not Connect's JSON converter, which dynamodb-envelope is written by",
          "Write org.apache.kafka.connect.json.JsonConverter, or a pipeline file with another value.format",
        );
    }
    const enabled = ["value.converter.schemas.enable", "key.converter.schemas.enable"].map((name) =>
      entryOf(this.#config, name),
    );
    const [value, key] = enabled.map((found) => (found === undefined ? "true" : textOf(found)));
    this.#sink.push(entry("debezium-json.include-schema.enabled", value ?? "true", place));
    const path = "value.converter";
    if (entryOf(this.#config, path) === undefined)
      this.#findings.notice(
        place,
        path,
        "is not given: messages are those of Connect's JSON converter, with their schemas; where the worker has another converter, write a pipeline file",
      );
    else if (key !== value)
      this.#findings.notice(
        place,
        "key.converter.schemas.enable",
        "differs from value.converter.schemas.enable, which counts for keys too",
      );
  }

  #tell(one: Entry, why: string): void {
    this.#findings.notice(one.keyPlace, one.key, why);
  }

  #wrong(one: Entry, wrong: string, remedy: string): void {
    this.#findings.problem(one.keyPlace, one.key, wrong, remedy);
  }
}

const CONVERTERS = /^(key|value|header)\.converter(\.|$)/;
const CHANGES_MESSAGES = /^(transforms|predicates)(\.|$)/;

/** Keys of Connect's own, and of the connector's lease tables. */
const WITHOUT_MEANING: readonly { readonly keys: RegExp; readonly why: string }[] = [
  { keys: /^tasks\.max$/, why: "has no meaning here: every table that is found is read" },
  {
    keys: /^errors\./,
    why: "has no meaning here: a record that cannot be converted is a dead letter, and the others go on",
  },
  { keys: /^config\.action\.reload$/, why: "has no meaning here: a file is read again by reload" },
  {
    keys: /^(exactly\.once\.support|transaction\.boundary.*|offsets\.storage\.topic)$/,
    why: "has no meaning here: positions are kept in Kafka with the messages, exactly once",
  },
  {
    keys: /^topic\.creation\.(groups$|(?!default\.(partitions|replication\.factor)$))/,
    why: "has no meaning here: see topic.configs and topic.partitions of the sink",
  },
  { keys: /plugin\.version$/, why: "has no meaning here: there are no plugins" },
];

/** Keys that are the sink's. */
const SINK_KEYS: ReadonlyMap<string, string> = new Map([
  ["kafka.topic.prefix", "kafka.topic.prefix"],
  [BOOTSTRAP, "properties.bootstrap.servers"],
  ["topic.creation.default.partitions", "topic.partitions"],
  ["topic.creation.default.replication.factor", "topic.replication-factor"],
]);

/** What a connector says to its producer, as the sink calls it. */
function overridden(key: string): string | null {
  const [, property] = /^producer\.override\.(.+)$/.exec(key) ?? [];
  return property === undefined ? null : `properties.${property}`;
}

function textOf({ value }: Entry): string {
  return value.kind === "scalar" ? value.text.trim() : "";
}

function entry(key: string, text: string, place: Place): Entry {
  return { key, keyPlace: place, value: { kind: "scalar", place, text, empty: false } };
}

function section(key: string, entries: readonly Entry[], place: Place): Entry {
  return { key, keyPlace: place, value: map(entries, place) };
}

function map(entries: readonly Entry[], place: Place): MapNode {
  return { kind: "map", place, entries };
}
