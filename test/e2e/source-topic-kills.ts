/** `npm run kills -- --source kafka`: blows drawn by a seed, in lives of some each. */
import setUpServers from "../support/broker.ts";
import { sharedKafka } from "../support/kafka.ts";
import { lifeArguments, livesFrom, playLives } from "./drawn-lives.ts";
import { keptIfWrong, type LifeFolder } from "./life-folder.ts";
import { sharedBroker } from "./life-servers.ts";
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
  const missed: Blow[] = [];
  const found = await withTopic(kind, `kills${seed}`, async (topic, folder) => {
    const outcome = await liveSourceLife({
      topic,
      blows: own,
      others: 1,
      dice: new Dice(seed + 1),
      folder,
      onBlow: (what) => {
        tally.happened++;
        say(`  ${kind} ${seed}  ${what}`);
      },
    });
    missed.push(...outcome.missed);
    return outcome.found;
  }).catch((error: unknown) => [String(error)]);
  tally.found += found.length;
  tally.missed += missed.length;
  const wrong = [...found, ...missed.map((blow) => `missed: ${blow}`)];
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  say(`kafka → ${kind} life (seed ${seed}): ${seconds} s; ${tally.happened} blows`);
  for (const text of wrong.slice(0, MAX_LINES)) say(`  ${text}`);
  if (wrong.length > 0)
    say(
      `  again: npm run kills -- --source kafka --sink ${kind} --seed ${seed} --life ${own.join(",")}`,
    );
}

/** A topic, a target and a folder of one's own while `live` is lived. */
async function withTopic(
  kind: TargetKind,
  name: string,
  live: (topic: SourceTopic, folder: LifeFolder) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const [kafka, target] = await Promise.all([sharedKafka(), makeTarget(kind)]);
  try {
    const brokers = [await sharedBroker(kafka.bootstrap, kafka.prefix)];
    return await keptIfWrong({ brokers, databases: { target: target.url } }, async (folder) => {
      const topic = await SourceTopic.begin({ kafka, target, folder: folder.path, name });
      try {
        return await live(topic, folder);
      } finally {
        await topic.close();
      }
    });
  } finally {
    await Promise.all([kafka.release(), target.release()]);
  }
}
