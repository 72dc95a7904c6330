/**
 * Two processes with one pipeline: a stopped one that wakes up after another has taken over, and two that start at once.
 * MILLRACE_E2E_FULL=1 repeats each as often as the issue asks for.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAlive } from "../support/processes.ts";
import type { MillraceProcess } from "./millrace-process.ts";
import { type TargetKind, targetKinds } from "./targets.ts";
import { openSession, textRows } from "./sql-session.ts";
import { startWired } from "./start-wired.ts";
import type { WiredPipeline } from "./wired-pipeline.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 9);
const ZOMBIES = isFull ? 8 : 1;
/** Every test run shows each once, on the sink where it is harder. */
const isShown = (kind: TargetKind, harder: TargetKind): boolean => isFull || kind === harder;
const RACES = isFull ? 10 : 1;

/** The slot is held by the stopped process' walsender until the server's wal_sender_timeout (3 s here). */
const TAKEOVER_MS = 90_000;
/** Each way to the sink: a lane has a transaction in flight then and more behind it, whenever the process is stopped. */
const SLOW_MS = 400;
/** A woken process that no timer of its own stops has to be stopped by the sink. */
const PATIENT = {
  source: { "read.timeout": "10min" },
  sink: { "request-timeout-ms": 600_000 },
};
/** A woken process commits or reads its lane rows within this. */
const STOPS_MS = 60_000;

describe.each(targetKinds)("two processes with one pipeline into %s", (kind) => {
  let pipeline: WiredPipeline;
  beforeAll(async () => {
    const settings = { wal_sender_timeout: "3s" };
    pipeline = await startWired({ kind, seed, settings, ...(kind === "dsql" ? PATIENT : {}) });
    await pipeline.loaded();
  });
  afterAll(() => pipeline.release());

  /** The fences of all lane rows. */
  async function fences(): Promise<readonly number[]> {
    const session = await openSession(pipeline.target.url);
    try {
      const rows = await textRows(session, "SELECT DISTINCT fence FROM millrace.lane");
      return rows.map(([fence]) => Number(fence));
    } finally {
      await session.end();
    }
  }

  /** Ends with 1 and says that it was superseded. */
  async function expectFenced(process: MillraceProcess): Promise<void> {
    const { code } = await process.wait(STOPS_MS);
    expect([code, code === 1 ? "" : process.tail()]).toEqual([1, ""]);
    expect(process.tail()).toContain("MR_FENCED");
  }

  async function takenOverFrom(zombie: MillraceProcess): Promise<void> {
    pipeline.process = pipeline.start();
    await pipeline.arrived(TAKEOVER_MS);
    expect(isAlive(zombie.pid)).toBe(true);
  }

  if (isShown(kind, "dsql")) {
    it.each(Array.from({ length: ZOMBIES }, (_, round) => round))(
      "a stopped one that wakes up after a takeover writes nothing and stops by itself (round %i)",
      async () => {
        pipeline.write();
        await pipeline.arrived(TAKEOVER_MS);
        const zombie = pipeline.process;
        pipeline.atSink.strike({ kind: "delay", ms: SLOW_MS });
        const filledMs = 3 * SLOW_MS + pipeline.dice.between(0, 300);
        await new Promise((resolve) => setTimeout(resolve, filledMs));
        // It does not hear that the server ends its session for the next one.
        pipeline.atSource.strike({ kind: "black-hole" }, (link) => link.isReplication);
        process.kill(zombie.pid, "SIGSTOP");
        await takenOverFrom(zombie);
        const held = await fences();
        process.kill(zombie.pid, "SIGCONT");
        await expectFenced(zombie);
        expect(await pipeline.differences()).toEqual([]);
        expect([held.length, await fences()]).toEqual([1, held]);
      },
    );
  }

  if (isShown(kind, "postgres")) {
    it("one whose open transaction holds the lane rows does not keep another from taking over", async () => {
      pipeline.write();
      const lost = pipeline.atSink.arm({
        fault: { kind: "lose-commit", landsAfterMs: 120_000, client: "silent" },
        trigger: { at: "commit" },
      });
      await lost.wait();
      const zombie = pipeline.process;
      process.kill(zombie.pid, "SIGSTOP");
      await takenOverFrom(zombie);
      process.kill(zombie.pid, "SIGCONT");
      await expectFenced(zombie);
      expect(await pipeline.differences()).toEqual([]);
    });
  }

  if (isFull) {
    it("a COMMIT of the stopped one that lands after the takeover changes nothing", async () => {
      pipeline.write();
      const lost = pipeline.atSink.arm({
        fault: { kind: "lose-commit", landsAfterMs: 9_000, client: "cut" },
        trigger: { at: "commit" },
      });
      await lost.wait();
      const zombie = pipeline.process;
      process.kill(zombie.pid, "SIGSTOP");
      await takenOverFrom(zombie);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      process.kill(zombie.pid, "SIGCONT");
      await expectFenced(zombie);
      expect(await pipeline.differences()).toEqual([]);
    });
  }

  if (isShown(kind, "dsql")) {
    it(`that start at once: one works and the other says why it does not, ${RACES} times over`, async () => {
      await pipeline.process.stop();
      for (let round = 0; round < RACES; round += 1) {
        const before = Math.max(...(await fences()));
        const both = [pipeline.start(), pipeline.start()] as const;
        const firstEnd = await Promise.race(
          both.map(async (one) => one.wait(60_000).then(() => one)),
        );
        await expectFenced(firstEnd);
        const other = both.find((one) => one !== firstEnd) ?? firstEnd;
        pipeline.process = other;
        await pipeline.arrived(TAKEOVER_MS);
        // Each has taken over once, or once more where they met in the act: nobody takes back what was taken.
        expect(Math.max(...(await fences())) - before).toBeLessThanOrEqual(4);
        expect([round, await other.stop()]).toEqual([round, { code: 0, signal: null }]);
      }
      pipeline.process = pipeline.start();
      expect(await pipeline.differences(60_000)).toEqual([]);
    });
  }
});
