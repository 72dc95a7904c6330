import { describe, expect, it } from "vitest";
import type { ProfileName } from "./simulation/profile.ts";
import { REGRESSIONS } from "./simulation/regressions.ts";
import { runSeed } from "./simulation/run-seed.ts";

/*
 * The real pipeline between a model source and a model sink, under a scheduler that a seed repeats. One seed with its
 * whole trace:
 *
 *     MILLRACE_SIM_SEED=42 node --conditions=source packages/millrace/src/pipeline/simulation/main.ts --profile all
 */
/** So many are told; a promise that is broken is often broken by each seed. */
const MOST_FAILURES = 5;
/** On a machine that others use; on a quiet one none takes a tenth of it. */
const PATIENCE = { timeout: 300_000 };

async function failuresOf(profile: ProfileName, from: number, seeds: number): Promise<string[]> {
  const failures: string[] = [];
  for (let seed = from; seed < from + seeds && failures.length < MOST_FAILURES; seed++) {
    const { failure } = await runSeed(seed, { profile });
    if (failure !== null)
      failures.push(`MILLRACE_SIM_SEED=${seed} --profile ${profile}: ${failure}`);
  }
  return failures;
}

describe("the pipeline, simulated", () => {
  it("loads tables while they are written, over crashes", PATIENCE, async () => {
    expect(await failuresOf("plain", 1, 60)).toEqual([]);
  });

  it(
    "applies every change once and in order, over crashes, zombies and lost COMMITs",
    PATIENCE,
    async () => {
      expect(await failuresOf("audit", 1, 300)).toEqual([]);
    },
  );

  it("makes the sink what the source is, whatever happens", PATIENCE, async () => {
    expect(await failuresOf("all", 1, 700)).toEqual([]);
  });

  it(
    "loses no row to unique indexes of the targets, whenever they are made",
    PATIENCE,
    async () => {
      expect(await failuresOf("unique", 1, 150)).toEqual([]);
    },
  );

  it("keeps exchanges of unique values whole beside other tables' loads", PATIENCE, async () => {
    expect(await failuresOf("crowded", 1, 30)).toEqual([]);
  });

  it(
    "loses no row to foreign keys among the targets, whenever they are made",
    PATIENCE,
    async () => {
      expect(await failuresOf("foreign", 1, 100)).toEqual([]);
    },
  );

  it("loses no row to constraints of tables that come and go", PATIENCE, async () => {
    expect(await failuresOf("bound", 1, 60)).toEqual([]);
  });

  it("follows tables that come and go, at a source that forgets", PATIENCE, async () => {
    expect(await failuresOf("lives", 1, 250)).toEqual([]);
  });

  it("follows schema changes that the log tells by messages too", PATIENCE, async () => {
    expect(await failuresOf("messages", 1, 150)).toEqual([]);
  });

  it("waits for others at a sink whose transactions lock rows", PATIENCE, async () => {
    expect(await failuresOf("locks", 1, 100)).toEqual([]);
  });

  it(
    "holds whenever a load gives way to changes, and whoever has its turns",
    PATIENCE,
    async () => {
      expect(await failuresOf("turns", 1, 150)).toEqual([]);
    },
  );

  it("writes every change once into a sink of topics", PATIENCE, async () => {
    expect(await failuresOf("topics", 1, 100)).toEqual([]);
  });

  it("tells readers of topics of rows that left in silence", PATIENCE, async () => {
    expect(await failuresOf("readers", 1, 120)).toEqual([]);
  });

  it(
    "spares the source: loads from a standby that lags, slowly, and not while much of the log is kept",
    { timeout: 120_000 },
    async () => {
      expect(await failuresOf("gentle", 1, 40)).toEqual([]);
    },
  );

  it(
    "follows a log that tells schema changes in their place, understood or not",
    PATIENCE,
    async () => {
      expect(await failuresOf("told", 1, 150)).toEqual([]);
    },
  );

  it(
    "follows a stream whose shards end and beget others, merged in another order by each run",
    PATIENCE,
    async () => {
      expect(await failuresOf("shards", 1, 120)).toEqual([]);
    },
  );

  for (const { profile, seed, was } of REGRESSIONS) {
    it(`seed ${seed} of ${profile} holds: ${was}`, async () => {
      expect(await failuresOf(profile, seed, 1)).toEqual([]);
    });
  }

  it("plays a seed twice in the same way", async () => {
    const first = await runSeed(7, { trace: true });
    const second = await runSeed(7, { trace: true });
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(100);
  });
});
