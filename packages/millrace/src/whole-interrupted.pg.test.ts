import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline } from "./index.ts";
import { setFailpointHandler } from "./model/failpoint.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

const ACCOUNTS = 1_000;
const ADDED = 10;
/** Of a transfer. */
const CHANGES = 2 * ACCOUNTS + 3 * ADDED;

/** The source checks all of it with COMMIT, the target with each statement. */
const tablesOf = (when: string): string => `
  CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
  CREATE TABLE vaults (id int PRIMARY KEY, account int NOT NULL REFERENCES accounts ${when},
    slot int NOT NULL UNIQUE ${when}, balance int NOT NULL);
  CREATE TABLE notes (id int PRIMARY KEY, account int NOT NULL REFERENCES accounts ${when})`;

/** Children before their parents, and each vault takes another one's slot; less than a transaction of the sink. */
const transfer = (round: number): string => {
  const half = ACCOUNTS / 2;
  const added = ACCOUNTS + ADDED * round;
  const filled = `slot = slot + CASE WHEN slot > ${half} THEN -${half} ELSE ${half} END, balance = balance + ${round}`;
  return `BEGIN;
    INSERT INTO notes SELECT ${added} + n, ${added} + n FROM generate_series(1, ${ADDED}) n;
    INSERT INTO vaults SELECT ${added} + n, ${added} + n, ${added} + n, 0 FROM generate_series(1, ${ADDED}) n;
    UPDATE vaults SET ${filled} WHERE id <= ${half};
    UPDATE accounts SET balance = balance - ${round} WHERE id <= ${ACCOUNTS};
    UPDATE vaults SET ${filled} WHERE id > ${half} AND id <= ${ACCOUNTS};
    INSERT INTO accounts SELECT ${added} + n, 0 FROM generate_series(1, ${ADDED}) n;
    COMMIT`;
};

describe("a source transaction of several tables that constraints bind, with one lane", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;
  let pipeline: Pipeline;
  let reader: Client;
  let round = 0;
  /** Tables that came to SYNC again: they were loaded anew, or rows of them were put off. */
  const again = new Set<string>();

  async function listen(): Promise<void> {
    for await (const event of pipeline.events({ overRestarts: true }))
      if (event.type === "table" && event.state === "SYNC") again.add(event.table);
  }

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`${tablesOf("DEFERRABLE INITIALLY DEFERRED")};
      INSERT INTO accounts SELECT n, 100 FROM generate_series(1, ${ACCOUNTS}) n;
      INSERT INTO vaults SELECT n, n, n, 100 FROM generate_series(1, ${ACCOUNTS}) n`);
    await target.query(tablesOf(""));
    pipeline = await loadPipeline(
      pipelineBetween(source, target, {
        name: source.database.slice(0, 40),
        tables: "public.\\.*",
        pipeline: { parallelism: 1 },
      }),
    );
    await pipeline.start();
    await pipeline.caughtUp();
    void listen();
    reader = new Client({ connectionString: target.url });
    await reader.connect();
  });
  afterEach(() => setFailpointHandler(null));
  afterAll(async () => {
    await reader.end();
    await pipeline.stop();
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  const ALL = ["accounts", "vaults", "notes"].map((name) => `SELECT * FROM ${name} ORDER BY id`);

  async function isSame(): Promise<boolean> {
    for (const sql of ALL) {
      const [here, there] = await Promise.all([source.query(sql), target.query(sql)]);
      if (JSON.stringify(here) !== JSON.stringify(there)) return false;
    }
    return true;
  }

  /** Whoever reads the target sees this, until it is told to end. */
  function reading() {
    const seen = new Set<string>();
    let isDone = false;
    const work = (async () => {
      while (!isDone) {
        const { rows } = await reader.query<{ sum: string }>(
          "SELECT (SELECT sum(balance) FROM accounts) + (SELECT sum(balance) FROM vaults) AS sum",
        );
        seen.add(rows[0]?.sum ?? "none");
      }
    })();
    return async (): Promise<string[]> => {
      isDone = true;
      await work;
      return [...seen];
    };
  }

  const changesRead = (): number =>
    pipeline.status().tables.reduce((sum, { changes }) => sum + changes, 0);

  /** Commits at the source, and acts when a part of it has entered its lane; gives what a reader sees when it is asked for. */
  async function inTheMiddle(act: () => Promise<void>): Promise<() => Promise<string[]>> {
    const acted = Promise.withResolvers<void>();
    const before = changesRead();
    let read = 0;
    again.clear();
    setFailpointHandler((name) => {
      if (name !== "reader.batch-entered" || read > 0) return;
      read = changesRead() - before;
      if (read > 0) act().then(acted.resolve, acted.reject);
    });
    const end = reading();
    await source.query(transfer(++round));
    await acted.promise;
    expect(read).toBeLessThan(CHANGES);
    return end;
  }

  async function expectWhole(seen: readonly string[]): Promise<void> {
    expect(seen).toEqual([String(200 * ACCOUNTS)]);
    for (const { id, deadLetters } of pipeline.status().tables)
      expect({ id, deadLetters }).toEqual({ id, deadLetters: 0 });
  }

  it("is not cut by a pause", async () => {
    const end = await inTheMiddle(() => pipeline.pause());
    await expect.poll(isSame, { timeout: 60_000 }).toBe(true);
    expect(pipeline.status().state).toBe("paused");
    await pipeline.resume();
    await pipeline.caughtUp();
    await expectWhole(await end());
    expect([...again]).toEqual([]);
  });

  it("is not cut by a resync of one of its tables", async () => {
    const end = await inTheMiddle(() => pipeline.resync("public.notes"));
    await pipeline.caughtUp();
    await expectWhole(await end());
    expect(await isSame()).toBe(true);
    expect([...again]).toEqual(["public.notes"]);
  });

  it("is not cut by a pause of one of its tables", async () => {
    const end = await inTheMiddle(() => pipeline.pauseTable("public.notes"));
    await expect.poll(isSame, { timeout: 60_000 }).toBe(true);
    await pipeline.resumeTable("public.notes");
    await pipeline.caughtUp();
    await expectWhole(await end());
    expect(await isSame()).toBe(true);
    expect([...again]).toEqual(["public.notes"]);
  });

  it("is not cut by a stop", async () => {
    const end = await inTheMiddle(() => pipeline.stop());
    expect(await isSame()).toBe(true);
    await pipeline.start();
    await pipeline.caughtUp();
    await expectWhole(await end());
    expect([...again]).toEqual([]);
  });
});
