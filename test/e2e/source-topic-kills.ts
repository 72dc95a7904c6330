/** `npm run kills -- --source kafka`: blows drawn by a seed, in lives of some each. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import setUpServers from "../support/broker.ts";
import { sharedKafka } from "../support/kafka.ts";
import { lifeArguments, livesFrom, playLives } from "./drawn-lives.ts";
import { Dice } from "./random.ts";
import { type Blow, blows, liveSourceLife } from "./source-topic-life.ts";
import { SourceTopic } from "./source-topic.ts";
import { makeTarget, targetKinds, type TargetKind } from "./targets.ts";

/** What is wrong with one key is mostly wrong with many. */
const MAX_LINES = 10;

interface Life {
  readonly kind: TargetKind;
  readonly seed: number;
  readonly blows: readonly Blow[];
}

/** Lives as many lives as are asked for; gives the exit code. */
export async function killSourceTopics(
  args: readonly string[],
  say: (text: string) => void,
): Promise<number> {
  const values = lifeArguments(args, 48);
  const kinds = targetKinds.filter((kind) => values.sink?.includes(kind) ?? true);
  const stopServers = await setUpServers();
  const tally = { happened: 0, found: 0, missed: 0 };
  try {
    const drawn = livesFrom(values, blows);
    const lives = kinds.flatMap((kind) =>
      drawn.map(({ seed, troubles }): Life => ({ kind, seed, blows: troubles })),
    );
    await playLives(lives, Number(values["at-once"]), (life) => liveOne(life, say, tally));
    const { happened, found, missed } = tally;
    say(
      `from kafka: ${happened} blows in ${lives.length} lives, ${found} findings, ${missed} missed`,
    );
    return found + missed === 0 ? 0 : 1;
  } finally {
    await stopServers();
  }
}

async function liveOne(
  { kind, seed, blows: own }: Life,
  say: (text: string) => void,
  tally: { happened: number; found: number; missed: number },
): Promise<void> {
  const beganMs = performance.now();
  const outcome = await withTopic(kind, `kills${seed}`, (topic) =>
    liveSourceLife({
      topic,
      blows: own,
      others: 1,
      dice: new Dice(seed + 1),
      onBlow: (what) => {
        tally.happened++;
        say(`  ${kind} ${seed}  ${what}`);
      },
    }),
  ).catch((error: unknown) => ({ found: [String(error)], missed: [] }));
  tally.found += outcome.found.length;
  tally.missed += outcome.missed.length;
  const wrong = [...outcome.found, ...outcome.missed.map((blow) => `missed: ${blow}`)];
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  say(`kafka → ${kind} life (seed ${seed}): ${seconds} s; ${tally.happened} blows`);
  for (const text of wrong.slice(0, MAX_LINES)) say(`  ${text}`);
  if (wrong.length > 0)
    say(
      `  again: npm run kills -- --source kafka --sink ${kind} --seed ${seed} --life ${own.join(",")}`,
    );
}

/** A topic, a target and a folder of one's own while `work` is done. */
async function withTopic<T>(
  kind: TargetKind,
  name: string,
  work: (topic: SourceTopic) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-kafka-source-"));
  const [kafka, target] = await Promise.all([sharedKafka(), makeTarget(kind)]);
  try {
    const topic = await SourceTopic.begin({ kafka, target, folder, name });
    try {
      return await work(topic);
    } finally {
      await topic.close();
    }
  } finally {
    await Promise.all([kafka.release(), target.release()]);
    await rm(folder, { recursive: true });
  }
}
