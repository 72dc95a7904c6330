/**
 * Clocks that jump by hours while a table is loaded and followed: nothing is lost, nothing waits for them, lag and ages
 * stay true. Our own in every run; those of the servers with MILLRACE_TEST_FAKETIME=/path/of/libfaketime.so.1.
 */
import { loadPipeline } from "millrace";
import { afterEach, describe, expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { sharedPostgres, type PostgresDatabase, startPostgres } from "../support/postgres.ts";
import { makeOwnTarget } from "./own-target.ts";
import type { Section } from "./pipeline-file.ts";
import { postgresSink } from "./pipeline-file.ts";
import { openSession } from "./sql-session.ts";
import { targetKinds } from "./targets.ts";

const HOUR_S = 3_600;
/** Ahead, behind, far ahead, and back to what it was, seconds. */
const JUMPS_S = [3 * HOUR_S, -5 * HOUR_S, 30 * HOUR_S, 0];
const ROWS = 1_000;
const ARRIVED_MS = 20_000;
const faketime = process.env["MILLRACE_TEST_FAKETIME"];
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const SUM = "SELECT count(*)::text AS n, md5(string_agg(id || v, ',' ORDER BY id)) AS sum FROM t";

interface Ends {
  readonly source: PostgresDatabase;
  readonly sink: Section;
  readonly targetUrl: string;
}

/** Our own clock, which a test sets. */
class OwnClock {
  aheadMs = 0;
  readonly now = (): number => Date.now() + this.aheadMs;
  readonly monotonic = (): number => performance.now();
  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    });
}

/**
 * Loads and follows one table under writes; `jump` is called once while it loads, then while it follows. Gives the
 * greatest lag or age of progress that `status` told.
 */
async function throughJumps(
  { source, sink, targetUrl }: Ends,
  clock: OwnClock,
  jump: (seconds: number) => Promise<void>,
  settleMs: number,
): Promise<number> {
  await source.query(
    `CREATE TABLE t (id bigint PRIMARY KEY, v text);
     INSERT INTO t SELECT g, 'loaded' FROM generate_series(1, ${ROWS}) g`,
  );
  const { host, port, user, password, database } = source;
  const pipeline = await loadPipeline(
    {
      source: {
        type: "postgres",
        hostname: host,
        port,
        username: user,
        password,
        tables: `${database}.public.t`,
        "publication.name": database,
        "scan.incremental.snapshot.chunk.size": 100,
        // Slow enough that a jump meets it.
        "scan.snapshot.max-rows-per-second": 2 * ROWS,
        "heartbeat.interval": "500ms",
      },
      sink,
      pipeline: { name: `clocks_${database}`, parallelism: 2 },
    },
    { clock },
  );
  const [writer, reader] = [await openSession(source.url), await openSession(targetUrl)];
  let nth = ROWS;
  let oldestMs = 0;
  let greatestMs = 0;
  const look = (): void => {
    const { lagMs, progressAgeMs } = pipeline.status();
    oldestMs = Math.max(oldestMs, lagMs ?? 0, progressAgeMs);
  };
  /** One more row and one that is changed have arrived. */
  const arrives = async (): Promise<void> => {
    nth += 1;
    await writer.query(
      `INSERT INTO t VALUES (${nth}, 'new'); UPDATE t SET v = 'u${nth}' WHERE id = ${nth % ROWS}`,
    );
    const there = async (): Promise<unknown> => {
      look();
      return (await reader.query(`SELECT 1 FROM t WHERE id = ${nth}`)).rows.length;
    };
    await expect.poll(there, { timeout: ARRIVED_MS, interval: 20 }).toBe(1);
  };
  try {
    await pipeline.start();
    await sleep(100);
    expect(pipeline.status().tables[0]?.state).toBe("INIT_SYNC");
    await jump(JUMPS_S[0] ?? 0);
    await pipeline.caughtUp();
    for (const seconds of JUMPS_S.slice(1)) {
      await arrives();
      await jump(seconds);
      // The source's clock is looked at once a second.
      if (settleMs > 0) await arrives();
      if (settleMs > 0) await sleep(settleMs);
      oldestMs = 0;
      look();
      for (let round = 0; round < 5; round += 1) await arrives();
      greatestMs = Math.max(greatestMs, oldestMs);
      expect(pipeline.status()).toMatchObject({ state: "running", retrying: null });
    }
    const [wanted] = (await writer.query(SUM)).rows;
    await expect
      .poll(async (): Promise<unknown> => (await reader.query(SUM)).rows[0], {
        timeout: ARRIVED_MS,
      })
      .toEqual(wanted);
    return greatestMs;
  } finally {
    await pipeline.stop();
    await Promise.all([writer.end(), reader.end()]);
  }
}

describe("clocks that jump by hours", () => {
  const releases: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const release of releases.splice(0).toReversed()) await release();
  });

  it("our own: rows arrive, lag and ages stay true", async () => {
    const [source, target] = [await sharedPostgres(), await sharedPostgres()];
    releases.push(
      () => source.release(),
      () => target.release(),
    );
    const clock = new OwnClock();
    const ends = { source, sink: postgresSink(target.url), targetUrl: target.url };
    const jump = async (seconds: number): Promise<void> => {
      clock.aheadMs = 1_000 * seconds;
      await Promise.resolve();
    };
    expect(await throughJumps(ends, clock, jump, 0)).toBeLessThan(ARRIVED_MS);
  });

  if (faketime !== undefined) {
    const cases = targetKinds.flatMap((kind) => [
      { kind, whose: "the source's" },
      { kind, whose: "the sink's" },
    ]);
    it.each(cases)("$whose, into $kind: rows arrive, lag and ages stay true", async (given) => {
      const fake = new FakeClock(faketime);
      releases.push(() => fake.release());
      const within = (whose: string) => (given.whose === whose ? { within: fake.within } : {});
      const source = await startPostgres({
        settings: { wal_sender_timeout: "5s" },
        ...within("the source's"),
      });
      releases.push(() => source.stop());
      const target = await makeOwnTarget(given.kind, within("the sink's"));
      releases.push(() => target.release());
      const ends = { source, sink: target.sink, targetUrl: target.url };
      const jump = (seconds: number): Promise<void> => fake.jump(seconds);
      const settleMs = given.whose === "the source's" ? 2_500 : 0;
      const greatestMs = await throughJumps(ends, new OwnClock(), jump, settleMs);
      expect(greatestMs).toBeLessThan(ARRIVED_MS);
    });
  }
});
