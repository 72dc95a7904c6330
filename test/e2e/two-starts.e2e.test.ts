/**
 * Two processes that start one pipeline at the same moment, for its first time or later: one works, the other says who
 * does. MILLRACE_E2E_FULL=1 repeats it on both sinks.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MillraceProcess } from "./millrace-process.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";
import { targetKinds } from "./targets.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const ROUNDS = isFull ? 10 : 1;
/** A slot whose reader was killed is free again when the server has noticed. */
const STARTS_MS = 90_000;

const kinds = isFull ? targetKinds : targetKinds.filter((kind) => kind === "postgres");

describe.each(kinds)("two processes that start one pipeline at once into %s", (kind) => {
  let pipeline: SmallPipeline;

  beforeAll(async () => {
    pipeline = await smallPipeline(
      "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (0)",
      kind,
    );
    await pipeline.write();
  });
  afterAll(() => pipeline.release());

  /** Starts both, and gives the one that ended and the one that works. */
  async function race(): Promise<{
    readonly loser: MillraceProcess;
    readonly winner: MillraceProcess;
  }> {
    const both = [0, 1].map(() => new MillraceProcess(pipeline.args())) as [
      MillraceProcess,
      MillraceProcess,
    ];
    const loser = await Promise.race(both.map((one) => one.wait(STARTS_MS).then(() => one)));
    return { loser, winner: both[0] === loser ? both[1] : both[0] };
  }

  const title = `leave one that works, and one that names it, ${ROUNDS} times over`;
  it(title, { timeout: ROUNDS * 2 * STARTS_MS }, async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      const { loser, winner } = await race();
      try {
        const { code } = await loser.wait(0);
        expect([round, code, code === 1 ? "" : loser.tail()]).toEqual([round, 1, ""]);
        expect(loser.tail()).toContain("MR_FENCED");
        expect(loser.tail()).toContain(`process ${winner.pid}`);
        await pipeline.atSource(`INSERT INTO a VALUES (${round}); INSERT INTO b VALUES (${round})`);
        await pipeline.expectSoonSame("SELECT id FROM a UNION ALL SELECT -id FROM b ORDER BY 1");
      } catch (error) {
        await winner.stop();
        throw error;
      }
      expect([round, await winner.stop()]).toEqual([round, { code: 0, signal: null }]);
    }
  });
});
