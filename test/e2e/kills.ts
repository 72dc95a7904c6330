import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { namedFailpoints } from "./failpoints.ts";
import { runKillChain } from "./kill-chain.ts";
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
  readonly loseSlot?: boolean;
}

/** Failpoints that a SQL sink never reaches: jsonl.e2e.test.ts kills there. */
const elsewhere = /^jsonl\./;
/** Reached while a pipeline begins and loads, each with a pipeline of its own. */
const inLoad =
  /^(chunk|keyless|snapshot|source|postgres-(slot|publication))\.|^(run\.prepared|lane\.after-commit|sink\.(commit-sent|after-ddl|fence-raised|targets-claimed))$/;
/** Never reached again once a pipeline is in SYNC, or only by another number of lanes or after a loss. */
const notInSync = /^(keyless|postgres-slot|sweep)\.|^(run\.resized|sink\.targets-claimed)$/;

/** MILLRACE_E2E_FULL=1 kills at every failpoint with a pipeline of its own, in both phases, early and late. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 3);

const names = namedFailpoints().filter((name) => !elsewhere.test(name));

function killsAlone(): readonly Kill[] {
  return names.flatMap((failpoint): readonly Kill[] => {
    if (failpoint === "run.resized") return [{ failpoint, phase: "sync", nth: 1, parallelism: 3 }];
    if (failpoint.startsWith("sweep.")) {
      return [{ failpoint, phase: "sync", nth: 1, loseSlot: true }];
    }
    const load: Kill = { failpoint, phase: "load", nth: 1 };
    if (!isFull) return inLoad.test(failpoint) ? [load] : [];
    const sync: Kill = { failpoint, phase: "sync", nth: 1 };
    return notInSync.test(failpoint) ? [load] : [load, { ...load, nth: 3 }, sync];
  });
}

/** The kill matrix on one kind of target, as tests. Every failpoint is hit at least once, or a test fails. */
export function describeKills(kind: TargetKind): void {
  describe(`a process that is killed while it copies into ${kind}`, () => {
    let target: Target;
    beforeAll(async () => {
      target = await makeTarget(kind);
    });
    afterAll(() => target.release());

    it.each(killsAlone())("goes on equal after $failpoint ($phase, $nth)", async (kill) => {
      const { hit, different, output } = await runKillScenario({ ...kill, target, seed });
      expect(different).toEqual([]);
      expect([hit, hit ? "" : output]).toEqual([true, ""]);
    });

    const chain = names.filter((name) => !notInSync.test(name));
    it(`goes on equal after ${chain.length} kills in SYNC, one after the other (seed ${seed})`, async () => {
      expect(await runKillChain({ target, failpoints: chain, seed })).toEqual({
        missed: [],
        different: [],
      });
    });
  });
}
