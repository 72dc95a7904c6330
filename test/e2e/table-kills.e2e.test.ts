/**
 * Processes that are killed while one table is paused or resumed: whatever is durable then, the next one goes on from it.
 * Every test run kills beside the pause (table-pause.pg.test.ts fails runs at each of the places); MILLRACE_E2E_FULL=1 kills
 * at all of them, on both sinks.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../support/free-port.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";
import { targetKinds } from "./targets.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const kinds = isFull ? targetKinds : targetKinds.filter((kind) => kind === "postgres");
const PAUSES = ["table.paused"];
const RESUMES = isFull
  ? ["table.adopted", "barrier.intent", "barrier.acted", "barrier.done", "table.resumed"]
  : [];
/** A start on a machine that has much else to do. */
const STARTS_MS = 60_000;

interface Answer {
  readonly state: string;
  readonly paused: unknown;
}

describe.each(kinds)("a process that is killed beside a paused table, into %s", (kind) => {
  let pipeline: SmallPipeline;
  let api = "";

  beforeAll(async () => {
    pipeline = await smallPipeline(
      "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 100) i",
      kind,
    );
    await pipeline.write();
  });
  afterAll(() => pipeline.release());

  async function start(failpoint?: string): Promise<MillraceProcess> {
    const port = await findFreePort();
    api = `http://127.0.0.1:${port}/api/v1/pipelines/${pipeline.source.database}`;
    const args = pipeline.args().map((arg) => (arg === "off" ? `127.0.0.1:${port}` : arg));
    const started = new MillraceProcess(args, failpoint);
    await started.running;
    return started;
  }
  /** Asks, and is told nothing where the process is killed meanwhile. */
  const ask = async (action: string): Promise<void> => {
    await fetch(`${api}/tables/public.t/${action}`, { method: "POST" }).catch(() => undefined);
  };
  const table = async (): Promise<Answer> =>
    (await (await fetch(`${api}/tables/public.t`)).json()) as Answer;
  const becomes = (answer: Partial<Answer>) =>
    expect.poll(table, { timeout: STARTS_MS, interval: 100 }).toMatchObject(answer);
  async function killedAt(place: string, action: string): Promise<void> {
    const one = await start(`${place}=kill`);
    if (action === "pause") await becomes({ state: "SYNC" });
    await ask(action);
    expect((await one.wait(STARTS_MS)).signal).toBe("SIGKILL");
  }

  it.each(PAUSES)(
    "at %s leaves it paused, and the next one leaves its changes out",
    async (place) => {
      await killedAt(place, "pause");
      await pipeline.atSource("UPDATE t SET v = 'left out'; DELETE FROM t WHERE id > 90");
      const next = await start();
      await becomes({ paused: { atMs: expect.any(Number) } });
      expect(await pipeline.atTarget("SELECT count(*)::int AS n, min(v) AS v FROM t")).toEqual([
        { n: 100, v: "v" },
      ]);
      await ask("resume");
      await becomes({ state: "SYNC", paused: null });
      await pipeline.expectSoonSame("SELECT * FROM t ORDER BY id");
      await next.stop();
    },
  );

  it.each(RESUMES)("at %s leaves it paused or loads it, and it comes back whole", async (place) => {
    const before = await start();
    await ask("pause");
    await before.stop();
    await pipeline.atSource(
      `ALTER TABLE t ADD "${place}" int DEFAULT 5; UPDATE t SET v = '${place}'; DELETE FROM t WHERE id % 7 = ${RESUMES.indexOf(place)}`,
    );
    await killedAt(place, "resume");
    await pipeline.atSource("INSERT INTO t (id, v) SELECT max(id) + 1, 'after' FROM t");
    const next = await start();
    await ask("resume");
    await becomes({ state: "SYNC", paused: null });
    await pipeline.expectSoonSame("SELECT * FROM t ORDER BY id");
    await next.stop();
  });
});
