/** What the commands share that play lives of pipelines whose troubles are drawn by a seed. */
import { parseArgs } from "node:util";
import { Dice } from "./random.ts";

/** What such a command is told. */
export interface LifeArguments {
  readonly source?: string | undefined;
  readonly sink?: string[] | undefined;
  readonly count: string;
  readonly seed: string;
  readonly "kills-per-life": string;
  readonly "at-once": string;
  readonly life?: string | undefined;
}

/** One life: its seed, and what befalls it in this order. */
export interface DrawnLife<T> {
  readonly seed: number;
  readonly troubles: readonly T[];
}

/** Whether a command line has `--OPTION VALUE`. */
export function asksFor(args: readonly string[], option: string, value: string): boolean {
  return args.some(
    (arg, i) => arg === `--${option}=${value}` || (arg === value && args[i - 1] === `--${option}`),
  );
}

/** The command line; `count` troubles where it says no number. */
export function lifeArguments(args: readonly string[], count: number): LifeArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      source: { type: "string" },
      sink: { type: "string", multiple: true },
      count: { type: "string", default: String(count) },
      seed: { type: "string", default: "1" },
      "kills-per-life": { type: "string", default: "12" },
      "at-once": { type: "string", default: "2" },
      life: { type: "string" },
    },
  });
  return values;
}

/** The life that is to be played again, or as many as it takes, drawn from `bag`. */
export function livesFrom<T extends string>(
  { count, seed, "kills-per-life": each, life }: LifeArguments,
  bag: readonly T[],
): readonly DrawnLife<T>[] {
  if (life !== undefined) return [{ seed: Number(seed), troubles: named(life, bag) }];
  const perLife = Number(each);
  return Array.from({ length: Math.ceil(Number(count) / perLife) }, (_, i) => {
    const own = Number(seed) * 1000 + i;
    const dice = new Dice(own);
    return { seed: own, troubles: Array.from({ length: perLife }, () => dice.pick(bag)) };
  });
}

/** Likewise, in rounds: everything of the bag befalls somebody before anything does again. */
export function livesInRounds<T extends string>(
  { count, seed, "kills-per-life": each, life }: LifeArguments,
  bag: readonly T[],
): readonly DrawnLife<T>[] {
  if (life !== undefined) return [{ seed: Number(seed), troubles: named(life, bag) }];
  const dice = new Dice(Number(seed));
  const drawn: T[] = [];
  for (let left: T[] = []; drawn.length < Number(count);) {
    if (left.length === 0) left = [...bag];
    drawn.push(...left.splice(dice.between(0, left.length - 1), 1));
  }
  const perLife = Number(each);
  return Array.from({ length: Math.ceil(drawn.length / perLife) }, (_, i) => ({
    seed: Number(seed) * 1000 + i,
    troubles: drawn.slice(i * perLife, (i + 1) * perLife),
  }));
}

/** Plays lives, some at once. */
export async function playLives<T>(
  lives: readonly T[],
  atOnce: number,
  play: (life: T) => Promise<void>,
): Promise<void> {
  const waiting = lives.values();
  const some = async (): Promise<void> => {
    for (const life of waiting) await play(life);
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}

function named<T extends string>(list: string, bag: readonly T[]): readonly T[] {
  const found = list.split(",").map((name) => bag.find((trouble) => trouble === name));
  const known = found.filter((trouble) => trouble !== undefined);
  if (known.length < found.length)
    throw new Error(`What can befall it: ${[...new Set(bag)].join(", ")}.`);
  return known;
}
