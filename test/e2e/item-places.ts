/** Where a pipeline from DynamoDB can be killed, and what leads it there. */
import { namedFailpoints } from "./failpoints.ts";

/** Where a life writes to, and with which promise where topics know several: else exactly once. */
export type ItemTargetKind = "dsql" | "postgres" | "kafka" | "kafka-at-least-once";

/** Whether a life writes into topics. */
export function isTopics(kind: ItemTargetKind): boolean {
  return kind === "kafka" || kind === "kafka-at-least-once";
}

/** What has to be there for a place to be reached. */
export type ItemWay =
  /** Nothing: whatever is written leads there. */
  | "stream"
  /** The start of a table's task. */
  | "start"
  /** A table that is not loaded. */
  | "load"
  /** A table that has never begun. */
  | "birth"
  /** A loss, behind which a table of the sink is loaded again. */
  | "sweep"
  /** A table that is made anew: its shape is another one, which a barrier takes up. */
  | "remake"
  /** More than one transaction takes, written before the process starts. */
  | "backlog"
  /** Another number of lanes than there was. */
  | "lanes"
  /** The start of the process. */
  | "discovery"
  /** Nothing: a SIGKILL at any time. */
  | "anywhere"
  /** The same, behind a loss. */
  | "loss";

const WAYS: readonly (readonly [RegExp, ItemWay])[] = [
  [/^anywhere$/, "anywhere"],
  [/^loss$/, "loss"],
  [/^dynamodb-shares\./, "discovery"],
  [/^sweep\./, "sweep"],
  [/^barrier\./, "remake"],
  [/^kafka\.ready$/, "backlog"],
  [/^run\.resized$/, "lanes"],
  [/^(dynamodb-source\.|sink\.targets-claimed$|sink\.(before|after)-ddl$)/, "birth"],
  [/^(run\.prepared|sink\.(fence-raised|before-takeover-commit|commit-sent-alone))$/, "start"],
  [/^(chunk|dynamodb-snapshot)\./, "load"],
];

/** What leads to a place. */
export function wayTo(place: string): ItemWay {
  return WAYS.find(([pattern]) => pattern.test(place))?.[1] ?? "stream";
}

/** Tables without a key, changes of keys and TRUNCATE no DynamoDB has; dead letters and paused tables no life here. */
const NEVER = /^(keyless|replay|letter|load|table)\.|^(lane\.meeting|barrier\.rows-deleted)$/;
/** Topics have neither ghosts nor lanes. */
const NEVER_INTO_KAFKA = /^(sweep\.page|run\.resized)$/;
/** Data goes ahead of its position. */
const ONLY_AT_LEAST_ONCE = /^kafka\.data-sent$/;

/** Every failpoint that a pipeline from DynamoDB into such a sink comes by. */
export function itemFailpoints(into: ItemTargetKind): readonly string[] {
  const otherSink = isTopics(into) ? "sinks/dsql" : "sinks/kafka";
  const others = ["sources/mysql", "sources/postgres", "sources/kafka", "sinks/jsonl", otherSink];
  const never = [
    NEVER,
    ...(isTopics(into) ? [NEVER_INTO_KAFKA] : []),
    ...(into === "kafka" ? [ONLY_AT_LEAST_ONCE] : []),
  ];
  return namedFailpoints(others).filter((name) => never.every((pattern) => !pattern.test(name)));
}

/** All that may befall a life: a kill at each place, one anywhere, and one anywhere behind a loss. */
export function itemKills(into: ItemTargetKind): readonly string[] {
  return [...itemFailpoints(into), "anywhere", "loss"];
}
