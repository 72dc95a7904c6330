import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

/** More than one batch of the log holds, less than `batch-size`. */
const ACCOUNTS = 2_000;
const TRANSFERS = 60;

describe("source transactions that fit one of the sink, with one lane", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;
  let pipeline: Pipeline;
  let reader: Client;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, note text);
      INSERT INTO accounts SELECT n, 100, repeat('x', 100) FROM generate_series(1, ${ACCOUNTS}) n`);
    pipeline = await loadPipeline(
      pipelineBetween(source, target, {
        name: source.database.slice(0, 40),
        tables: "public.accounts",
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

  it("are never seen in part by a reader", async () => {
    const seen = new Set<string>();
    let isDone = false;
    const reading = (async () => {
      while (!isDone) {
        const { rows } = await reader.query<{ sum: string }>("SELECT sum(balance) FROM accounts");
        seen.add(rows[0]?.sum ?? "none");
      }
    })();
    for (let round = 1; round <= TRANSFERS; round++)
      await source.query(
        `UPDATE accounts SET balance = balance + CASE WHEN id > ${ACCOUNTS / 2} THEN ${round} ELSE -${round} END`,
      );
    await pipeline.caughtUp();
    isDone = true;
    await reading;
    expect([...seen]).toEqual([String(100 * ACCOUNTS)]);
    const all = "SELECT * FROM accounts ORDER BY id";
    expect(await target.query(all)).toEqual(await source.query(all));
  });
});
