import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

/** More than one batch of the log holds, less than `batch-size`. */
const ACCOUNTS = 2_000;
const TRANSFERS = 60;
/** Longer than the rest of a transaction is waited for. */
const PAUSED_MS = 300;

describe("source transactions that fit one of the sink, with one lane", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;
  let pipeline: Pipeline;
  let reader: Client;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, note text);
      INSERT INTO accounts SELECT n, 100, repeat('x', 100) FROM generate_series(1, ${ACCOUNTS}) n;
      CREATE TABLE others (id int PRIMARY KEY)`);
    pipeline = await loadPipeline(
      pipelineBetween(source, target, {
        name: source.database.slice(0, 40),
        tables: "public.\\.*",
        pipeline: { parallelism: 1 },
      }),
    );
    await pipeline.start();
    await pipeline.caughtUp();
    reader = new Client({ connectionString: target.url });
    await reader.connect();
  });
  afterAll(async () => {
    await reader.end();
    await pipeline.stop();
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  async function transfer(rounds: number): Promise<void> {
    for (let round = 1; round <= rounds; round++)
      await source.query(
        `UPDATE accounts SET balance = balance + CASE WHEN id > ${ACCOUNTS / 2} THEN ${round} ELSE -${round} END`,
      );
  }

  /** The sums that a reader sees while something goes on. */
  async function sumsBeside(work: () => Promise<void>): Promise<string[]> {
    const seen = new Set<string>();
    let isDone = false;
    const reading = (async () => {
      while (!isDone) {
        const { rows } = await reader.query<{ sum: string }>("SELECT sum(balance) FROM accounts");
        seen.add(rows[0]?.sum ?? "none");
      }
    })();
    await work().finally(() => (isDone = true));
    await reading;
    return [...seen];
  }

  async function expectEqual(): Promise<void> {
    const all = "SELECT * FROM accounts ORDER BY id";
    expect(await target.query(all)).toEqual(await source.query(all));
  }

  it("are never seen in part by a reader", async () => {
    const seen = await sumsBeside(async () => {
      await transfer(TRANSFERS);
      await pipeline.caughtUp();
    });
    expect(seen).toEqual([String(100 * ACCOUNTS)]);
    await expectEqual();
  });

  it("nor while the pipeline is paused, loads another table again, and stops", async () => {
    const seen = await sumsBeside(async () => {
      const transferring = transfer(TRANSFERS);
      let isOver = false;
      void transferring.finally(() => (isOver = true));
      while (!isOver) {
        await pipeline.pause();
        await sleep(PAUSED_MS);
        await pipeline.resume();
        await pipeline.resync("public.others");
      }
      await pipeline.stop();
      await pipeline.start();
      await pipeline.caughtUp();
    });
    expect(seen).toEqual([String(100 * ACCOUNTS)]);
    await expectEqual();
  });
});
