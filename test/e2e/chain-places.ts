/** Where the two pipelines of a chain over topics can be killed, and what leads each of them there. */
import { namedFailpoints } from "./failpoints.ts";
import type { SourceKind } from "./sources.ts";
import type { Guarantee } from "./topic-counts.ts";
import { topicPlaces, wayTo as wayIntoTopics } from "./topic-places.ts";

/** From the database into topics, and from those into the target. */
export const hops = ["into", "from"] as const;

/** One of them. */
export type Hop = (typeof hops)[number];

/** What has to be there for a place to be reached. */
export type ChainWay =
  /** Nothing: whatever is written leads there. */
  | "stream"
  /** The start of a process. */
  | "start"
  /** The first start of all. */
  | "birth"
  /** A table that nobody knows yet. */
  | "table"
  /** The same, of a table without a key. */
  | "keyless"
  /** A new column. */
  | "column"
  /** All rows of a table go at once. */
  | "truncate"
  /** A transaction that was in doubt. */
  | "seldom";

const FROM_WAYS: readonly (readonly [RegExp, ChainWay])[] = [
  [/^(kafka-group\.|run\.prepared$|sink\.(fence-raised|before-takeover-commit)$)/, "start"],
  [/^sink\.(targets-claimed|before-ddl|after-ddl)$/, "table"],
  [/^barrier\.rows-deleted$/, "truncate"],
  [/^barrier\./, "column"],
];

/** Nothing is loaded from a topic, one lane meets nobody, and no life here has dead letters, paused tables or changes that were missed. */
const NEVER_FROM =
  /^(chunk|keyless|replay|letter|load|table|sweep)\.|^(lane\.meeting|run\.resized)$/;
const OTHERS_FROM = [
  "sources/postgres",
  "sources/mysql",
  "sources/dynamodb",
  "sinks/jsonl",
  "sinks/kafka",
];

/** Nothing is refused on the way into topics. */
const NEVER_INTO = "letter.discarded";

/** Every failpoint that a process of that kind surely comes by; with `all`, what it may come by. */
export function placesOf(
  hop: Hop,
  from: SourceKind,
  guarantee: Guarantee,
  which: "sure" | "all" = "sure",
): readonly string[] {
  if (hop === "into")
    return topicPlaces(from, guarantee, which).filter((name) => name !== NEVER_INTO);
  return namedFailpoints(OTHERS_FROM).filter((name) => !NEVER_FROM.test(name));
}

/** What leads to a place. */
export function wayTo(hop: Hop, place: string): ChainWay {
  if (hop === "from") return FROM_WAYS.find(([pattern]) => pattern.test(place))?.[1] ?? "stream";
  const way = wayIntoTopics(place);
  if (way === "load") return "table";
  return way === "barrier" ? "column" : way;
}

/** What befalls both at once. */
const OF_BOTH = ["anywhere", "cut", "broker", "coordinator"] as const;

/** What may befall a chain: `HOP:PLACE`, `HOP:anywhere`, `HOP:zombie`, or one of those of both. */
export type ChainBlow = (typeof OF_BOTH)[number] | `${Hop}:${string}`;

/** All of them but the places of the first start, which each life begins with. */
export function chainBlows(from: SourceKind, guarantee: Guarantee): readonly ChainBlow[] {
  const ofOne = hops.flatMap((hop) =>
    [...placesOf(hop, from, guarantee), "anywhere", "zombie"]
      .filter((place) => wayTo(hop, place) !== "birth")
      .map((place): ChainBlow => `${hop}:${place}`),
  );
  return [...OF_BOTH, ...ofOne];
}
