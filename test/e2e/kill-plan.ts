/** `npm run kills`: which kills are wanted, read from the command line. */
import { parseArgs } from "node:util";
import type { Kill } from "./kill-reach.ts";
import { isOfTheStart, killMatrix, killPhases, nameOfKill } from "./kill-reach.ts";
import { Dice } from "./random.ts";
import { type SourceKind, sourceKinds } from "./sources.ts";
import { targetKinds, type TargetKind } from "./targets.ts";

/** What is wanted. */
export interface KillPlan {
  readonly from: SourceKind;
  readonly kills: readonly Kill[];
  readonly sinks: readonly TargetKind[];
  readonly killsPerLife: number;
  /** Lives that are lived at the same time: most of each is waiting. */
  readonly atOnce: number;
  readonly seed: number;
  /** These kills are one life, and `seed` is its own: a life that is played again. */
  readonly isOneLife: boolean;
}

/** What can be asked for. */
export const usage = `npm run kills -- [options]
  --source ${sourceKinds.join("|")}   what is copied from (postgres)
  --sink postgres|dsql           one kind of sink only (else both)
  --sink kafka                   lives of topics, from any --source: kills, cuts, brokers that die, coordinators that move, processes
                                 that are taken over from; with --count, --kills-per-life, --at-once and --seed, or --life LIST of one of them
  --sink kafka-chain             lives of chains over topics into DSQL, from any --source: either process killed at every place, cuts, brokers
                                 that die, coordinators that move, processes that are taken over from; kafka-chain-at-least-once: so told
  --source kafka                 lives of topics as a source, shared by two processes: kills, and processes that are frozen until
                                 others have their partitions; with --sink, --count, --kills-per-life, --at-once, --seed, --life LIST
  --phase ${killPhases.join("|")}   one phase only, may be repeated
  --failpoint TEXT               only failpoints whose name contains TEXT, may be repeated
  --count N                      so many kills on each sink, chosen by the seed (else the matrix, once)
  --kills-per-life N             kills of one pipeline before its rows are compared (12)
  --at-once N                    lives at the same time (4)
  --seed N                       (1)
  --life LIST                    one life again: its kills as they were printed, with its own --seed, --source and --sink`;

/** Reads the arguments; throws what is wrong with them. */
export function readKillPlan(args: readonly string[]): KillPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      source: { type: "string", default: "postgres" },
      sink: { type: "string", multiple: true },
      phase: { type: "string", multiple: true },
      failpoint: { type: "string", multiple: true },
      count: { type: "string" },
      seed: { type: "string", default: "1" },
      "kills-per-life": { type: "string", default: "12" },
      "at-once": { type: "string", default: "4" },
      life: { type: "string" },
    },
  });
  const { sink, phase, failpoint, count, life } = values;
  const from = sourceKinds.find((kind) => kind === values.source);
  if (from === undefined) throw new Error(`There is no such source: ${values.source}\n${usage}`);
  const matrix = killMatrix(from).filter(
    (kill) =>
      (failpoint?.some((part) => kill.failpoint.includes(part)) ?? true) &&
      (phase?.includes(kill.phase) ?? true),
  );
  const sinks = targetKinds.filter((kind) => sink?.includes(kind) ?? true);
  if (matrix.length === 0 || sinks.length === 0) throw new Error(`Nothing fits.\n${usage}`);
  const seed = Number(values.seed);
  const all = count === undefined ? matrix : drawn(matrix, Number(count), new Dice(seed));
  return {
    from,
    kills: life === undefined ? all : life.split(",").map((text) => readKill(from, text)),
    sinks,
    killsPerLife: Number(values["kills-per-life"]),
    atOnce: Number(values["at-once"]),
    seed,
    isOneLife: life !== undefined,
  };
}

/** How a life is played again: the arguments behind `npm run kills --`. */
export function replayOf(
  { from, into }: { readonly from: SourceKind; readonly into: TargetKind },
  kills: readonly Kill[],
  seed: number,
): string {
  return `--source ${from} --sink ${into} --seed ${seed} --life ${kills.map(nameOfKill).join(",")}`;
}

function readKill(from: SourceKind, text: string): Kill {
  const [, failpoint = "", nth = "", phase] = /^(.+)@(\d+):(\w+)$/.exec(text) ?? [];
  const known = killMatrix(from).find(
    (kill) => kill.failpoint === failpoint && kill.phase === phase,
  );
  if (known === undefined) throw new Error(`There is no such kill: ${text}\n${usage}`);
  return { ...known, nth: Number(nth) };
}

/** So many kills: the whole matrix again and again, each time in another order and at other times. */
function drawn(matrix: readonly Kill[], count: number, dice: Dice): readonly Kill[] {
  const kills: Kill[] = [];
  while (kills.length < count) {
    const left = [...matrix];
    while (left.length > 0 && kills.length < count) {
      const [kill] = left.splice(dice.between(0, left.length - 1), 1);
      if (kill !== undefined) kills.push({ ...kill, nth: dice.between(1, mostTimes(kill)) });
    }
  }
  return kills;
}

/** Places of a start are reached once by each process, those of the frontier once a second. */
function mostTimes({ failpoint }: Kill): number {
  if (isOfTheStart(failpoint)) return 1;
  return /^(frontier|postgres-log|mysql-log)\./.test(failpoint) ? 2 : 4;
}
