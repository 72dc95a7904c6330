import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runKillLife } from "./kill-life.ts";
import type { Kill } from "./kill-reach.ts";
import {
  isOfDoubt,
  killMatrix,
  livesOf,
  phasesOf,
  sqlFailpoints,
  undeclared,
} from "./kill-reach.ts";
import { type KillOptions, runKillScenario } from "./kill-scenario.ts";
import { type SourceKind, sourceKinds } from "./sources.ts";
import type { Target, TargetKind } from "./targets.ts";
import { makeTarget, targetKinds } from "./targets.ts";

/** MILLRACE_E2E_FULL=1 kills at every failpoint in each of its phases; `npm run kills` does so without vitest. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 3);
const killsPerLife = 12;

/**
 * Every failpoint, in one of its phases each, and in another one with another seed: those of the sink on both kinds, in
 * different phases, the others on one of them. Of a MySQL or a MariaDB its own failpoints alone, each on one of the two; but
 * for those that take a large transaction, which the whole matrix kills at.
 */
function slice(from: SourceKind, kind: TargetKind): readonly Kill[] {
  const nth = from === "postgres" ? targetKinds.indexOf(kind) : sourceKinds.indexOf(from);
  const isHere = (failpoint: string, index: number): boolean =>
    from === "postgres"
      ? failpoint.startsWith("sink.") || (index + seed) % targetKinds.length === nth
      : failpoint.startsWith("mysql-") && !isOfDoubt(failpoint) && (index + seed + nth) % 2 === 0;
  return sqlFailpoints(from).flatMap((failpoint, index) => {
    const phases = isHere(failpoint, index) ? phasesOf(failpoint) : [];
    const phase = phases[(index + seed + nth) % phases.length];
    return phase === undefined ? [] : [{ failpoint, phase }];
  });
}

/** What is killed while the whole script of schema changes is written. */
interface Story extends Pick<KillOptions, "failpoint" | "phase" | "nth" | "loseSlot"> {
  readonly only?: SourceKind;
  /** What happens around it differs from sink to sink: it is killed at on each. */
  readonly onEach?: true;
}

/** Around each of these the whole script of schema changes is written, while the process is down too. */
const scripted: readonly Story[] = [
  { failpoint: "source.prepared", phase: "load", nth: 1, only: "postgres" },
  { failpoint: "mysql-source.prepared", phase: "load", nth: 1, only: "mysql" },
  { failpoint: "run.prepared", phase: "load", nth: 1, only: "postgres" },
  { failpoint: "chunk.rows-durable", phase: "load", nth: 1, only: "postgres" },
  { failpoint: "lane.after-commit", phase: "load", nth: 3, only: "postgres" },
  { failpoint: "barrier.acted", phase: "sync", nth: 2, only: "postgres", onEach: true },
  { failpoint: "barrier.acted", phase: "sync", nth: 2, only: "mariadb" },
  // The slot is lost before, and its rows with it: tables are loaded anew, and what is gone is looked for.
  {
    failpoint: "sweep.page",
    phase: "sync",
    nth: 1,
    loseSlot: true,
    only: "postgres",
    onEach: true,
  },
];

/** Those of a kind of source; of the short form, each on one kind of target, but for those that are of both. */
function stories(from: SourceKind, kind: TargetKind): readonly Story[] {
  const ours = scripted.filter(({ only = from }) => only === from);
  if (isFull) return ours;
  return ours.filter(
    ({ onEach }, index) =>
      onEach === true || (index + seed + 1) % targetKinds.length === targetKinds.indexOf(kind),
  );
}

/** The kill matrix of one kind of source and target, as tests. Every failpoint is hit at least once, or a test fails. */
export function describeKills(kind: TargetKind, from: SourceKind = "postgres"): void {
  // Most of a life is waiting for the process to start, and for what it does once a second.
  describe.concurrent(`a process that is killed while it copies from ${from} into ${kind}`, () => {
    let target: Target;
    beforeAll(async () => {
      target = await makeTarget(kind);
    });
    afterAll(() => target.release());

    const lives = livesOf(isFull ? killMatrix(from) : slice(from, kind), killsPerLife).map(
      (kills, life) => ({
        kills,
        life,
        names: kills.map(({ failpoint, phase }) => `${failpoint} in ${phase}`).join(", "),
      }),
    );
    it.each(lives)(
      `goes on equal, killed at $names (seed ${seed})`,
      async ({ kills, life }) => {
        const first = await runKillLife({ from, target, kills, seed: seed * 1000 + life });
        expect(first.different).toEqual([]);
        expect(undeclared(first.reached)).toEqual([]);
        const missed = kills.filter((kill) => !hasKilled(first.killed, kill));
        if (isFull || missed.length === 0) return expect(first.missed).toEqual([]);
        // On a busy machine a phase may be over before its kill: the failpoint is to be hit in whichever it can.
        const elsewhere = missed.map(({ failpoint, phase }) => ({
          failpoint,
          phase: phasesOf(failpoint).find((other) => other !== phase) ?? phase,
        }));
        const second = await runKillLife({
          from,
          target,
          kills: elsewhere,
          seed: seed * 2000 + life,
        });
        expect(second.different).toEqual([]);
        const never = missed.filter(
          ({ failpoint }) => !second.killed.some((kill) => kill.failpoint === failpoint),
        );
        expect([never, never.length === 0 ? [] : second.missed]).toEqual([[], []]);
      },
      600_000,
    );

    it.each(isFull || from === "postgres" ? stories(from, kind) : [])(
      "goes on equal after $failpoint ($phase, $nth)",
      async (kill) => {
        const { hit, different, output } = await runKillScenario({ ...kill, from, target, seed });
        expect(different).toEqual([]);
        expect([hit, hit ? "" : output]).toEqual([true, ""]);
      },
      600_000,
    );
  });
}

function hasKilled(killed: readonly Kill[], { failpoint, phase }: Kill): boolean {
  return killed.some((kill) => kill.failpoint === failpoint && kill.phase === phase);
}
