/** DynamoDB's tables into sinks, killed at some failpoints while they are written and their shards split. */
import { describe, expect, it } from "vitest";
import { liveItemLife } from "./item-kill-life.ts";
import { withTarget } from "./item-kills.ts";
import { itemKills } from "./item-places.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const SEED = 20_261_122;
const TIMEOUT_MS = isFull ? 1_200_000 : 240_000;
const SHORT = {
  dsql: ["chunk.batch-sent", "sweep.page", "lane.after-commit"],
  kafka: ["dynamodb-snapshot.page", "loss", "kafka.sent"],
  "kafka-at-least-once": ["kafka.data-sent", "loss", "kafka.data-sent"],
} as const;

const killsOf = (kind: keyof typeof SHORT): readonly string[] =>
  isFull ? itemKills(kind) : SHORT[kind];

/** What is wrong at the sink, and where it died. */
async function lived(kind: keyof typeof SHORT): Promise<object> {
  const died: string[] = [];
  const onKill = (where: string, isReached: boolean): void => {
    if (isReached) died.push(where);
  };
  const kills = killsOf(kind);
  const wrong = await withTarget(kind, (target) =>
    liveItemLife({ target, seed: SEED, kills, onKill }),
  );
  return { wrong, died };
}

describe("a pipeline from DynamoDB that dies while its tables are written and their shards split", () => {
  it(
    "leaves every item in Aurora DSQL as it is at the source",
    async () => {
      expect(await lived("dsql")).toEqual({ wrong: [], died: killsOf("dsql") });
    },
    TIMEOUT_MS,
  );

  it(
    "tells Kafka each change exactly once, in the order of its key",
    async () => {
      expect(await lived("kafka")).toEqual({ wrong: [], died: killsOf("kafka") });
    },
    TIMEOUT_MS,
  );

  it(
    "tells Kafka each change at least once, in the order of its key from wherever that was begun anew",
    async () => {
      const kind = "kafka-at-least-once";
      expect(await lived(kind)).toEqual({ wrong: [], died: killsOf(kind) });
    },
    TIMEOUT_MS,
  );
});
