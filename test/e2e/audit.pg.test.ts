import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../support/postgres.ts";
import { sharedPostgres } from "../support/postgres.ts";
import {
  appliedHistory,
  beginAudit,
  beginWitness,
  compareHistories,
  witnessedHistories,
} from "./audit.ts";
import { buildSource } from "./database.ts";
import { sampleTables } from "./schema.ts";
import { openSession } from "./sql-session.ts";

const audited = [
  { name: "k_int8", column: "k" },
  { name: "s_keyless", column: "n" },
].map(({ name, column }) => {
  const table = sampleTables.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`No table ${name}`);
  return { table, column };
});

const keyless = "DELETE FROM s_keyless WHERE n = 2; INSERT INTO s_keyless (int4, n) VALUES (5, 2)";

/** What is done at the source, and what a faithful target does for it. */
const changes: readonly (readonly [source: string, target: string])[] = [
  ["INSERT INTO k_int8 (k, n) VALUES (500, 500)", "INSERT INTO k_int8 (k, n) VALUES (500, 500)"],
  [
    "UPDATE k_int8 SET int4 = 1 WHERE k = 500",
    "INSERT INTO k_int8 (k, int4, n) VALUES (500, 1, 500) ON CONFLICT (k) DO UPDATE SET int4 = EXCLUDED.int4",
  ],
  [
    "UPDATE k_int8 SET k = 501 WHERE k = 500",
    "DELETE FROM k_int8 WHERE k = 500; INSERT INTO k_int8 (k, int4, n) VALUES (501, 1, 500)",
  ],
  ["UPDATE k_int8 SET k = 502 WHERE k = 501", "UPDATE k_int8 SET k = 502 WHERE k = 501"],
  ["DELETE FROM k_int8 WHERE k = 502", "DELETE FROM k_int8 WHERE k = 502"],
  ["UPDATE s_keyless SET int4 = 5 WHERE n = 2", keyless],
];

describe("the audit", () => {
  let postgres: SharedPostgres;
  let source: pg.Client;
  let target: pg.Client;
  beforeAll(async () => {
    postgres = await sharedPostgres();
    const targetUrl = await postgres.createDatabase("target");
    const tables = audited.map(({ table }) => table);
    await Promise.all([buildSource(postgres.url, tables), buildSource(targetUrl, tables)]);
    [source, target] = await Promise.all([openSession(postgres.url), openSession(targetUrl)]);
    await beginAudit(target, audited);
    await beginWitness(source, postgres.database);
  });
  afterAll(async () => {
    await Promise.all([source.end(), target.end()]);
    await postgres.release();
  });

  /** What differs, over all tables. */
  async function differences(): Promise<readonly string[]> {
    const witnessed = await witnessedHistories(source, postgres.database, audited);
    const found: string[] = [];
    for (const one of audited) {
      const applied = await appliedHistory(target, one);
      found.push(...compareHistories(witnessed.get(one.table.name) ?? new Map(), applied));
    }
    await target.query("TRUNCATE audit.line");
    return found;
  }

  it("finds nothing when every change was applied once", async () => {
    for (const [atSource, atTarget] of changes) {
      await source.query(atSource);
      await target.query(atTarget);
    }
    expect(await differences()).toEqual([]);
  });

  it("finds a change that was applied twice though the rows are equal", async () => {
    await source.query("UPDATE k_int8 SET int4 = 7 WHERE k = -40");
    for (let time = 0; time < 2; time += 1) {
      await target.query("UPDATE k_int8 SET int4 = 7 WHERE k = -40");
    }
    expect(await differences()).toEqual(["-40: source +, target ++"]);
  });

  it("finds a change that was left out, and one that came in the wrong order", async () => {
    await source.query("DELETE FROM k_int8 WHERE k = -41");
    await source.query("INSERT INTO k_int8 (k, n) VALUES (-41, 9), (900, 900)");
    await target.query(
      "INSERT INTO k_int8 (k, n) VALUES (-41, 9) ON CONFLICT (k) DO UPDATE SET n = 9",
    );
    await target.query("DELETE FROM k_int8 WHERE k = -41");
    expect(await differences()).toEqual([
      "-41: source -+, target +-",
      "900: source +, target nothing",
    ]);
  });
});
