/** `npm run kills -- --sink kafka`, from PostgreSQL or what `--source` names: troubles drawn by a seed, in lives of some each. */
import setUpServers from "../support/broker.ts";
import { type DrawnLife, lifeArguments, livesFrom, playLives } from "./drawn-lives.ts";
import { sourceNamed } from "./sources.ts";
import { guaranteeOf, liveTopicLife, type Trouble, troubles } from "./topic-kill-life.ts";

/** Of eleven troubles these are at failpoints, and so on. */
const SHARES: Readonly<Record<Trouble, number>> = {
  failpoint: 4,
  kill: 2,
  cut: 2,
  zombie: 1,
  broker: 1,
  coordinator: 1,
};

/** What is wrong with one key is mostly wrong with many. */
const MAX_LINES = 10;

/** Lives as many lives as are asked for; gives the exit code. */
export async function killTopics(
  args: readonly string[],
  say: (text: string) => void,
): Promise<number> {
  const values = lifeArguments(args, 60);
  const from = sourceNamed(values.source);
  const stopServers = await setUpServers();
  try {
    const bag = troubles.flatMap((trouble) =>
      Array.from({ length: SHARES[trouble] }, () => trouble),
    );
    const lives = livesFrom(values, bag);
    let happened = 0;
    let found = 0;
    const live = async (life: DrawnLife<Trouble>): Promise<void> => {
      const beganMs = performance.now();
      const onTrouble = (what: string): void => {
        happened += 1;
        say(`  ${life.seed}  ${what}`);
      };
      const wrong = await liveTopicLife({ ...life, from, onTrouble }).catch((error: unknown) => [
        String(error),
      ]);
      found += wrong.length;
      const seconds = Math.round((performance.now() - beganMs) / 1000);
      say(
        `${from} → kafka life (seed ${life.seed}, ${guaranteeOf(life.seed)}): ${seconds} s; ${happened} troubles`,
      );
      for (const text of wrong.slice(0, MAX_LINES)) say(`  ${text}`);
      if (wrong.length > 0)
        say(
          `  again: npm run kills -- --source ${from} --sink kafka --seed ${life.seed} --life ${life.troubles.join(",")}`,
        );
    };
    await playLives(lives, Number(values["at-once"]), live);
    say(`${from} → kafka: ${happened} troubles in ${lives.length} lives, ${found} findings`);
    return found === 0 ? 0 : 1;
  } finally {
    await stopServers();
  }
}
