/** Where a pipeline from an SQL database into topics can be killed, and what leads it there. */
import { namedFailpoints } from "./failpoints.ts";
import type { SourceKind } from "./sources.ts";
import type { Guarantee } from "./topic-counts.ts";

/** What has to be there for a place to be reached. */
export type TopicWay =
  /** Nothing: whatever is written leads there. */
  | "stream"
  /** The start of a process. */
  | "start"
  /** The first start of all. */
  | "birth"
  /** A table that is not loaded. */
  | "load"
  /** The same, of a table without a key. */
  | "keyless"
  /** A schema change or a TRUNCATE. */
  | "barrier";

const WAYS: readonly (readonly [RegExp, TopicWay])[] = [
  [/^postgres-slot\./, "birth"],
  [/^(source|mysql-source|postgres-publication)\.|^(mysql-log\.opened|run\.prepared)$/, "start"],
  [/^keyless\./, "keyless"],
  [/^chunk\.|snapshot\./, "load"],
  [/^(barrier|mysql-ddl)\./, "barrier"],
];

/** What leads to a place. */
export function wayTo(place: string): TopicWay {
  return WAYS.find(([pattern]) => pattern.test(place))?.[1] ?? "stream";
}

/**
 * Topics have neither ghosts nor lanes, and key changes meet nobody in one lane; dead letters and paused tables no life here has, nor
 * transactions that are in doubt, nor a schema change that is not understood.
 */
const NEVER =
  /^(replay|letter|table|sweep)\.|^(lane\.meeting|run\.resized|barrier\.rows-deleted|mysql-catalogue\.read|mysql-log\.(look-ahead|replay))$/;
/** Data goes ahead of its position. */
const ONLY_AT_LEAST_ONCE = "kafka.data-sent";

/** Every failpoint that such a pipeline comes by. */
export function topicPlaces(from: SourceKind, guarantee: Guarantee): readonly string[] {
  const otherSource = from === "postgres" ? "sources/mysql" : "sources/postgres";
  const others = [
    otherSource,
    "sources/dynamodb",
    "sources/kafka",
    "sinks/jsonl",
    "sinks/dsql",
    "sinks/postgres",
  ];
  return namedFailpoints(others).filter(
    (name) => !NEVER.test(name) && (name !== ONLY_AT_LEAST_ONCE || guarantee === "at-least-once"),
  );
}
