import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { namedFailpoints } from "./failpoints.ts";
import type { Phase } from "./kill-scenario.ts";
import { runKillScenario } from "./kill-scenario.ts";
import type { Target, TargetKind } from "./targets.ts";
import { makeTarget } from "./targets.ts";

/** One way to reach a failpoint. */
interface Kill {
  readonly failpoint: string;
  readonly phase: Phase;
  readonly nth: number;
  readonly parallelism?: number;
}

/** Failpoints that a SQL sink never reaches; they have tests of their own. */
const elsewhere = /^jsonl\./;

/** MILLRACE_E2E_FULL=1 kills at every failpoint in both phases, the first time and a later time. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 3);

/**
 * Each failpoint once per kind of target in the normal run: during the load into one, during SYNC into the other where
 * it can be reached there.
 */
function killsFor(kind: TargetKind): readonly Kill[] {
  const names = namedFailpoints().filter((name) => !elsewhere.test(name));
  return names.flatMap((failpoint): readonly Kill[] => {
    if (failpoint === "run.resized") return [{ failpoint, phase: "sync", nth: 1, parallelism: 3 }];
    const load: Kill = { failpoint, phase: "load", nth: 1 };
    const sync: Kill = { failpoint, phase: "sync", nth: 1 };
    if (failpoint.startsWith("keyless.")) return [load];
    if (isFull) return [load, sync, { ...load, nth: 2 }];
    return [kind === "postgres" ? load : sync];
  });
}

/** The kill matrix on one kind of target, as tests. */
export function describeKills(kind: TargetKind): void {
  describe(`a process that is killed while it copies into ${kind}`, () => {
    let target: Target;
    beforeAll(async () => {
      target = await makeTarget(kind);
    });
    afterAll(() => target.release());

    it.each(killsFor(kind))("goes on equal after $failpoint ($phase, $nth)", async (kill) => {
      const { hit, different, output } = await runKillScenario({ ...kill, target, seed });
      expect(different).toEqual([]);
      expect([hit, hit ? "" : output]).toEqual([true, ""]);
    });
  });
}
