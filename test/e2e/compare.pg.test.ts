import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../support/postgres.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { compareTables } from "./compare.ts";
import { buildSource } from "./database.ts";
import { sampleTables } from "./schema.ts";
import { openSession, textRows } from "./sql-session.ts";

const all = sampleTables.map((table) => ({ source: table, target: table }));

describe("the comparer", () => {
  let postgres: SharedPostgres;
  let one: pg.Client;
  let other: pg.Client;
  beforeAll(async () => {
    postgres = await sharedPostgres();
    const otherUrl = await postgres.createDatabase("other");
    await buildSource(postgres.url);
    await buildSource(otherUrl);
    one = await openSession(postgres.url);
    other = await openSession(otherUrl);
  });
  afterAll(async () => {
    await one.end();
    await other.end();
    await postgres.release();
  });

  it("has at least thirty tables with rows to compare", async () => {
    expect(sampleTables.length).toBeGreaterThanOrEqual(30);
    for (const { initialRows, schema, name } of sampleTables) {
      const quoted = [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
      const [[count] = []] = await textRows(one, `SELECT count(*) FROM ${quoted}`);
      expect([name, Number(count) > 0]).toEqual([name, initialRows > 0]);
    }
  });

  it("finds two equal databases equal", async () => {
    expect(await compareTables(one, other, all)).toEqual([]);
  });

  it("finds them equal by the servers' own sums where a table has many rows", async () => {
    expect(await compareTables(one, other, all, -1)).toEqual([]);
  });

  it.each([
    ["UPDATE k_int8 SET txt = NULL WHERE n = 10", "UPDATE k_int8 SET txt = '' WHERE n = 10"],
    ["DELETE FROM k_txt WHERE n = 7", ""],
    ["", "DELETE FROM k_txt WHERE n = 9"],
    ["", "INSERT INTO s_keyless SELECT * FROM s_keyless WHERE n = 3"],
    [
      "UPDATE t_numbers SET float8 = '-0' WHERE n = 12",
      "UPDATE t_numbers SET float8 = 0 WHERE n = 12",
    ],
    ["", "UPDATE t_times SET tstz = tstz + interval '1 microsecond' WHERE n = 21"],
    ["", "UPDATE t_json SET js = replace(js::text, ' ', '')::json WHERE n = 30"],
    ["", "ALTER TABLE d_add ADD COLUMN extra int"],
    ["ALTER TABLE d_drop ADD COLUMN more int", ""],
  ])("finds %s / %s", async (atOne, atOther) => {
    await one.query(`BEGIN; ${atOne}`);
    await other.query(`BEGIN; ${atOther}`);
    const table = /(?:k|t|s|d)_\w+/.exec(atOne + atOther)?.[0] ?? "";
    const found = await compareTables(one, other, all);
    const bySums = await compareTables(one, other, all, -1);
    await one.query("ROLLBACK");
    await other.query("ROLLBACK");
    expect(found.map((comparison) => comparison.table)).toEqual([`public.${table}`]);
    expect(found[0]?.differences.length).toBeGreaterThan(0);
    expect(bySums).toEqual(found);
  });
});
