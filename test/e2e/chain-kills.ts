/** `npm run kills -- --sink kafka-chain`: what may befall a chain over topics, in rounds drawn by a seed, in lives of some each. */
import setUpServers from "../support/broker.ts";
import { liveChainLife } from "./chain-kill-life.ts";
import { type ChainBlow, chainBlows } from "./chain-places.ts";
import { type DrawnLife, lifeArguments, livesInRounds, playLives } from "./drawn-lives.ts";
import { type SourceKind, sourceNamed } from "./sources.ts";
import type { Guarantee } from "./topic-counts.ts";

/** What `--sink` may name: what the topics between are promised. */
export const chainSinks = ["kafka-chain", "kafka-chain-at-least-once"] as const;
type ChainSink = (typeof chainSinks)[number];

/** What is wrong with one key is mostly wrong with many. */
const MAX_LINES = 10;

interface Life extends DrawnLife<ChainBlow> {
  readonly from: SourceKind;
  readonly sink: ChainSink;
}

interface Tally {
  happened: number;
  found: number;
  missed: number;
  lives: number;
}

/** Lives as many lives as are asked for; gives the exit code. */
export async function killChains(
  args: readonly string[],
  say: (text: string) => void,
): Promise<number> {
  const { source } = lifeArguments(args, 0);
  const from = sourceNamed(source);
  const values = lifeArguments(args, chainBlows(from, "at-least-once").length);
  const sinks = chainSinks.filter((sink) => values.sink?.includes(sink) ?? false);
  const tally: Tally = { happened: 0, found: 0, missed: 0, lives: 0 };
  const stopServers = await setUpServers();
  try {
    for (const sink of sinks) {
      const lives = livesInRounds(values, chainBlows(from, guaranteeOf(sink)));
      await playLives(lives, Number(values["at-once"]), (life) =>
        liveOne({ ...life, from, sink }, say, tally),
      );
    }
    const { happened, found, missed, lives } = tally;
    say(
      `${from} → kafka → dsql: ${happened} blows in ${lives} lives, ${found} findings, ${missed} missed`,
    );
    return found + missed === 0 ? 0 : 1;
  } finally {
    await stopServers();
  }
}

async function liveOne(
  { from, sink, seed, troubles: blows }: Life,
  say: (text: string) => void,
  tally: Tally,
): Promise<void> {
  const beganMs = performance.now();
  const onBlow = (what: string, isMissed: boolean): void => {
    if (isMissed) tally.missed++;
    else tally.happened++;
    say(`  ${seed}  ${isMissed ? "missed: " : ""}${what}`);
  };
  const guarantee = guaranteeOf(sink);
  const wrong = await liveChainLife({ from, guarantee, seed, blows, onBlow }).catch(
    (error: unknown) => [String(error)],
  );
  tally.lives++;
  tally.found += wrong.length;
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  say(`${from} → ${sink} life (seed ${seed}): ${seconds} s; ${tally.happened} blows`);
  for (const text of wrong.slice(0, MAX_LINES)) say(`  ${text}`);
  if (wrong.length > 0)
    say(
      `  again: npm run kills -- --source ${from} --sink ${sink} --seed ${seed} --life ${blows.join(",")}`,
    );
}

function guaranteeOf(sink: ChainSink): Guarantee {
  return sink === "kafka-chain" ? "exactly-once" : "at-least-once";
}
