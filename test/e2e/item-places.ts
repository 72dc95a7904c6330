/** Where a pipeline from DynamoDB can be killed, and what leads it there. */
import { namedFailpoints } from "./failpoints.ts";

/** Where a life writes to. */
export type ItemTargetKind = "dsql" | "postgres" | "kafka";

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

/** Tables without a key and changes of keys no DynamoDB has, of shapes only behind a loss; dead letters and paused tables no life here. */
const NEVER = /^(keyless|barrier|replay|letter|table)\.|^lane\.meeting$/;
/** Topics have neither ghosts nor lanes; data goes ahead of its position only where nothing has to be told exactly once. */
const NEVER_INTO_KAFKA = /^(sweep\.page|run\.resized|kafka\.data-sent)$/;

/** Every failpoint that a pipeline from DynamoDB into such a sink comes by. */
export function itemFailpoints(into: ItemTargetKind): readonly string[] {
  const otherSink = into === "kafka" ? "sinks/dsql" : "sinks/kafka";
  const others = ["sources/mysql", "sources/postgres", "sources/kafka", "sinks/jsonl", otherSink];
  return namedFailpoints(others).filter(
    (name) => !NEVER.test(name) && !(into === "kafka" && NEVER_INTO_KAFKA.test(name)),
  );
}

/** All that may befall a life: a kill at each place, one anywhere, and one anywhere behind a loss. */
export function itemKills(into: ItemTargetKind): readonly string[] {
  return [...itemFailpoints(into), "anywhere", "loss"];
}
