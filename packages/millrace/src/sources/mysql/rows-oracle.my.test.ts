/** What we make of row events beside what @vlasky/zongji makes of them, of types that both have in comparable forms. */
import { once } from "node:events";
import ZongJi, {
  type DeleteRowsEvent,
  type UpdateRowsEvent,
  type WriteRowsEvent,
} from "@vlasky/zongji";
import * as fc from "fast-check";
import { expect, describe, it } from "vitest";
import { mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";
import { drawnSeed } from "../../../../../test/support/test-runs.ts";
import { readRows, shapeOf } from "./read-rows.fixture.ts";
import type { TypeOptions } from "./types.ts";
import { VALUE_SAMPLES } from "./value-samples.fixture.ts";

const PLAIN: TypeOptions = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" };
const ROWS = 30;
/**
 * Not times, which it gives with other digits, nor FLOAT and DOUBLE, whose texts it does not make; nor latin1, of which it
 * loses five bytes, nor ENUM, of which it makes NULL for the value '' that is no label.
 */
const TYPES = [
  "tinyint",
  "smallint unsigned",
  "mediumint",
  "int unsigned",
  "bigint",
  "bigint unsigned",
  "decimal(20,10)",
  "decimal(65,30)",
  "date",
  "varchar(40)",
  "text",
  "varbinary(300)",
  "longblob",
  "set('a','b c','it''s')",
] as const;

/** One spelling for both. */
function spelled(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return value === null || value === undefined ? null : String(value);
}

describe.each(mysqlFlavors)("rows of %s", (flavor) => {
  it("are what the oracle says", async () => {
    // A server of its own: the oracle ends at events of other tests that it cannot decode (partial JSON).
    await using server = await startMysql(flavor);
    await using session = await server.connect();
    const columns = TYPES.map((ddl, index) => `c${index} ${ddl}`).join(", ");
    await session.query("SET NAMES utf8mb4");
    await session.query(`CREATE TABLE t (id INT PRIMARY KEY, ${columns}) CHARACTER SET utf8mb4`);
    const drawn = TYPES.map((ddl) => {
      const sample = VALUE_SAMPLES.find((each) => each.ddl === ddl);
      if (sample === undefined) throw new Error(`no sample of ${ddl}`);
      return fc.sample(sample.value, { numRuns: ROWS, seed: drawnSeed });
    });
    const from = await server.binlogEnd();
    const { host, port, user, password } = server;
    const oracle = new ZongJi({ host, port, user, password, dateStrings: true });
    const said: unknown[] = [];
    oracle.on("binlog", (event) => {
      const kind = event.getTypeName();
      if (kind === "TableMap") return;
      for (const row of (event as WriteRowsEvent | DeleteRowsEvent | UpdateRowsEvent).rows)
        said.push(
          "after" in row
            ? [
                Object.values(row["before"] as object).map(spelled),
                Object.values(row["after"] as object).map(spelled),
              ]
            : Object.values(row).map(spelled),
        );
    });
    const ready = once(oracle, "ready");
    oracle.start({
      serverId: 4_000_000_000 + Math.floor(Math.random() * 1_000_000),
      filename: from.file,
      position: from.position,
      includeEvents: ["tablemap", "writerows", "updaterows", "deleterows"],
      includeSchema: { [server.database]: ["t"] },
    });
    try {
      await ready;
      for (let n = 0; n < ROWS; n += 1)
        await session.query(
          `INSERT IGNORE INTO t VALUES (${n}, ${drawn.map((values) => values[n] ?? "NULL").join(", ")})`,
        );
      await session.query("UPDATE t SET c0 = 7, c9 = NULL WHERE id < 5");
      await session.query("DELETE FROM t WHERE id < 3");
      const shape = await shapeOf(server, "t", PLAIN);
      const rows = await readRows(
        server,
        [from, await server.binlogEnd()],
        new Map([["t", shape]]),
      );
      const own = rows.map(({ op, before, after }) =>
        op === "u" ? [before?.map(spelled), after?.map(spelled)] : (after ?? before)?.map(spelled),
      );
      expect(own.length).toBe(ROWS + 5 + 3);
      await expect.poll(() => said.length, { timeout: 60_000 }).toBe(own.length);
      expect(said, `seed ${drawnSeed}`).toEqual(own);
    } finally {
      oracle.stop();
    }
  });
});
