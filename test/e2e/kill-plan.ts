/** `npm run kills`: which kills are wanted, read from the command line. */
import { parseArgs } from "node:util";
import type { Kill } from "./kill-reach.ts";
import { killMatrix, killPhases } from "./kill-reach.ts";
import { Dice } from "./random.ts";
import { targetKinds, type TargetKind } from "./targets.ts";

/** What is wanted. */
export interface KillPlan {
  readonly kills: readonly Kill[];
  readonly sinks: readonly TargetKind[];
  readonly killsPerLife: number;
  readonly seed: number;
}

/** What can be asked for. */
export const usage = `npm run kills -- [options]
  --sink postgres|dsql           one kind of sink only (else both)
  --phase ${killPhases.join("|")}   one phase only, may be repeated
  --failpoint TEXT               only failpoints whose name contains TEXT, may be repeated
  --count N                      so many kills on each sink, chosen by the seed (else the matrix, once)
  --kills-per-life N             kills of one pipeline before its rows are compared (12)
  --seed N                       (1)`;

/** Reads the arguments; throws what is wrong with them. */
export function readKillPlan(args: readonly string[]): KillPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sink: { type: "string", multiple: true },
      phase: { type: "string", multiple: true },
      failpoint: { type: "string", multiple: true },
      count: { type: "string" },
      seed: { type: "string", default: "1" },
      "kills-per-life": { type: "string", default: "12" },
    },
  });
  const { sink, phase, failpoint, count } = values;
  const matrix = killMatrix.filter(
    (kill) =>
      (failpoint?.some((part) => kill.failpoint.includes(part)) ?? true) &&
      (phase?.includes(kill.phase) ?? true),
  );
  const sinks = targetKinds.filter((kind) => sink?.includes(kind) ?? true);
  if (matrix.length === 0 || sinks.length === 0) throw new Error(`Nothing fits.\n${usage}`);
  const seed = Number(values.seed);
  return {
    kills: count === undefined ? matrix : drawn(matrix, Number(count), new Dice(seed)),
    sinks,
    killsPerLife: Number(values["kills-per-life"]),
    seed,
  };
}

/** So many kills: the whole matrix again and again, each time in another order and at other times. */
function drawn(matrix: readonly Kill[], count: number, dice: Dice): readonly Kill[] {
  const kills: Kill[] = [];
  while (kills.length < count) {
    const left = [...matrix];
    while (left.length > 0 && kills.length < count) {
      const [kill] = left.splice(dice.between(0, left.length - 1), 1);
      if (kill !== undefined) kills.push({ ...kill, nth: dice.between(1, 4) });
    }
  }
  return kills;
}
