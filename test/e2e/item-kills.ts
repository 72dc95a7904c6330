/** `npm run kills -- --source dynamodb`: places drawn by a seed, in lives of some each, into each kind of sink. */
import { randomBytes } from "node:crypto";
import setUpServers from "../support/broker.ts";
import { sharedKafka } from "../support/kafka.ts";
import { lifeArguments, livesInRounds, playLives } from "./drawn-lives.ts";
import { type ItemTarget, liveItemLife } from "./item-kill-life.ts";
import { itemKills } from "./item-places.ts";
import { makeTarget } from "./targets.ts";

const KINDS = ["dsql", "postgres", "kafka", "kafka-at-least-once"] as const;
type Kind = (typeof KINDS)[number];

/** What is wrong with one key is mostly wrong with many. */
const MAX_LINES = 10;

interface Life {
  readonly kind: Kind;
  readonly seed: number;
  readonly kills: readonly string[];
}

interface Tally {
  killed: number;
  missed: number;
  found: number;
}

/** Lives as many lives as are asked for; gives the exit code. */
export async function killItems(
  args: readonly string[],
  say: (text: string) => void,
): Promise<number> {
  const values = lifeArguments(args, Math.max(...KINDS.map((kind) => itemKills(kind).length)));
  const kinds = KINDS.filter((kind) => values.sink?.includes(kind) ?? true);
  const lives = kinds.flatMap((kind) =>
    livesInRounds(values, itemKills(kind)).map(({ seed, troubles: kills }): Life => ({
      kind,
      seed,
      kills,
    })),
  );
  const stopServers = await setUpServers();
  const tally: Tally = { killed: 0, missed: 0, found: 0 };
  try {
    await playLives(lives, Number(values["at-once"]), (life) => liveOne(life, say, tally));
    const { killed, missed, found } = tally;
    say(
      `from dynamodb: ${killed} kills in ${lives.length} lives, ${found} findings, ${missed} missed`,
    );
    return found + missed === 0 ? 0 : 1;
  } finally {
    await stopServers();
  }
}

async function liveOne(
  { kind, seed, kills }: Life,
  say: (text: string) => void,
  tally: Tally,
): Promise<void> {
  const beganMs = performance.now();
  const onKill = (where: string, isReached: boolean, behind: string): void => {
    if (isReached) tally.killed++;
    else tally.missed++;
    const [lost, missed] = [
      behind === "" ? "" : ` behind ${behind}`,
      isReached ? "" : " (not reached)",
    ];
    say(`  ${kind} ${seed}  ${where}${lost}${missed}`);
  };
  const wrong = await withTarget(kind, (target) =>
    liveItemLife({ target, seed, kills, onKill }),
  ).catch((error: unknown) => [String(error)]);
  tally.found += wrong.length;
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  say(`dynamodb → ${kind} life (seed ${seed}): ${seconds} s; ${tally.killed} kills`);
  for (const text of wrong.slice(0, MAX_LINES)) say(`  ${text}`);
  if (wrong.length > 0)
    say(
      `  again: npm run kills -- --source dynamodb --sink ${kind} --seed ${seed} --life ${kills.join(",")}`,
    );
}

/** A target of one's own while `work` is done. */
export async function withTarget<T>(
  kind: Kind,
  work: (target: ItemTarget) => Promise<T>,
): Promise<T> {
  if (kind === "dsql" || kind === "postgres") {
    const target = await makeTarget(kind);
    try {
      return await work({ kind, sink: target.sink, url: target.url, name: "items" });
    } finally {
      await target.release();
    }
  }
  await using kafka = await sharedKafka();
  const name = `items${randomBytes(4).toString("hex")}`;
  const sink = {
    type: "kafka",
    "properties.bootstrap.servers": kafka.bootstrap,
    "value.format": "dynamodb-envelope",
    "sink.delivery-guarantee": kind === "kafka" ? "exactly-once" : "at-least-once",
    "kafka.topic.prefix": `${name}-`,
    "topic.partitions": 2,
    // So that there often is a whole transaction behind the one under way.
    "batch-size": 20,
  };
  return await work({ kind, sink, url: kafka.bootstrap, name });
}
