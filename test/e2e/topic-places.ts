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
  | "barrier"
  /** A transaction that was in doubt, or a change of a row that was refused. */
  | "seldom";

const WAYS: readonly (readonly [RegExp, TopicWay])[] = [
  [/^postgres-slot\./, "birth"],
  [/^(source|mysql-source|postgres-publication)\.|^(mysql-log\.opened|run\.prepared)$/, "start"],
  [/^keyless\./, "keyless"],
  [/^chunk\.|snapshot\./, "load"],
  [/^(barrier|mysql-ddl)\./, "barrier"],
  [/^(letter\.discarded|mysql-log\.replay)$/, "seldom"],
];

/** What leads to a place. */
export function wayTo(place: string): TopicWay {
  return WAYS.find(([pattern]) => pattern.test(place))?.[1] ?? "stream";
}

/**
 * Topics have neither ghosts nor lanes, and key changes meet nobody in one lane; no life here has paused tables, nor letters that are
 * replayed, nor a schema change that is not understood.
 */
const NEVER =
  /^(replay|load|table|sweep)\.|^(lane\.meeting|run\.resized|barrier\.rows-deleted|mysql-catalogue\.read)$/;
/** What nothing leads there for sure: a schema change in the midst of what is in doubt. */
const BY_CHANCE = "mysql-log.look-ahead";
/** Data goes ahead of its position. */
const ONLY_AT_LEAST_ONCE = "kafka.data-sent";

/** Every failpoint that such a pipeline surely comes by; with `all`, what it may come by. */
export function topicPlaces(
  from: SourceKind,
  guarantee: Guarantee,
  which: "sure" | "all" = "sure",
): readonly string[] {
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
    (name) =>
      !NEVER.test(name) &&
      (name !== BY_CHANCE || which === "all") &&
      (name !== ONLY_AT_LEAST_ONCE || guarantee === "at-least-once"),
  );
}
