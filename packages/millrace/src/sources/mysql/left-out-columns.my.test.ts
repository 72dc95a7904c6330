import { describe, expect, it } from "vitest";
import {
  type MysqlDatabase,
  mysqlFlavors,
  sharedMysql,
  type SharedMysql,
} from "../../../../../test/support/mysql.ts";
import { UNCHANGED, type Value } from "../../model/value.ts";
import { openMysqlLog } from "./log.ts";
import { logOptions, startOf } from "./logged-items.fixture.ts";
import { type ReadRow, readRows, shapeOf, shown } from "./read-rows.fixture.ts";
import type { TypeOptions } from "./types.ts";

const PLAIN: TypeOptions = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" };

interface Case {
  readonly ddl: string;
  readonly statements: readonly string[];
}

/** Ways in which a column gets a value that no statement names. */
const CASES: Readonly<Record<string, Case>> = {
  "defaults and REPLACE": {
    ddl: `(id INT PRIMARY KEY AUTO_INCREMENT, a INT, b INT DEFAULT 7, c TEXT,
      ts TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), ex INT DEFAULT (3 + 4))`,
    statements: [
      "INSERT INTO t (a) VALUES (1)",
      "INSERT INTO t () VALUES ()",
      "INSERT INTO t (a, b) VALUES (2, DEFAULT)",
      "UPDATE t SET a = 5 WHERE id = 1",
      "UPDATE t SET id = 10 WHERE id = 1",
      "UPDATE t SET b = 9 WHERE id = 10",
      "REPLACE INTO t (id, a) VALUES (10, 77)",
      "INSERT INTO t (id, a) VALUES (10, 4) ON DUPLICATE KEY UPDATE a = a + 1",
      "INSERT INTO t (id, a) SELECT 20, 5",
      "UPDATE t SET b = 88, c = 'zz' WHERE id = 20",
      "REPLACE INTO t (id) VALUES (20)",
      "DELETE FROM t WHERE id = 20",
    ],
  },
  "computed columns": {
    ddl: `(id INT PRIMARY KEY, a INT, b INT DEFAULT 7, v INT AS (a + 1) VIRTUAL, s INT AS (a + 2) STORED,
      w INT AS (b + 1) VIRTUAL, x INT AS (s * 2) VIRTUAL, u TEXT AS (CONCAT(id, a)) VIRTUAL)`,
    statements: [
      "INSERT INTO t (id, a) VALUES (1, 10)",
      "UPDATE t SET a = 20",
      "UPDATE t SET b = 5",
      "UPDATE t SET id = 2, a = 30",
      "UPDATE t SET id = 3",
      "REPLACE INTO t (id, a) VALUES (3, 1)",
      "INSERT INTO t (id, a) VALUES (3, 10) ON DUPLICATE KEY UPDATE a = 99",
    ],
  },
  "computed columns with indexes": {
    ddl: `(id INT PRIMARY KEY, a INT, b INT DEFAULT 7, v INT AS (a + 1) VIRTUAL, s INT AS (a + 2) STORED,
      w INT AS (b + 1) VIRTUAL UNIQUE, KEY (v), KEY (s))`,
    statements: [
      "INSERT INTO t (id, a) VALUES (1, 10)",
      "UPDATE t SET a = 20",
      "UPDATE t SET b = 5",
      "UPDATE t SET id = 2, a = 30",
      "REPLACE INTO t (id, a) VALUES (2, 1)",
    ],
  },
  triggers: {
    ddl: `(id INT PRIMARY KEY, a INT, b INT DEFAULT 7, c INT DEFAULT 8, v INT AS (b + 1) VIRTUAL);
      CREATE TRIGGER u BEFORE UPDATE ON t FOR EACH ROW SET NEW.b = NEW.a * 2;
      CREATE TRIGGER i BEFORE INSERT ON t FOR EACH ROW SET NEW.c = NEW.a * 3`,
    statements: [
      "INSERT INTO t (id, a) VALUES (1, 10)",
      "UPDATE t SET a = 20",
      "REPLACE INTO t (id, a) VALUES (1, 30)",
      "INSERT INTO t (id, a) VALUES (1, 4) ON DUPLICATE KEY UPDATE a = 40",
    ],
  },
  documents: {
    ddl: `(id INT PRIMARY KEY, a TEXT, b TEXT DEFAULT ('hello'), c INT,
      g TEXT AS (CONCAT(a, 'x')) STORED, v TEXT AS (CONCAT(b, 'y')) VIRTUAL)`,
    statements: [
      "INSERT INTO t (id, a) VALUES (1, 'q')",
      "UPDATE t SET c = 4",
      "UPDATE t SET a = 'w'",
      "UPDATE t SET b = 'zz'",
      "UPDATE t SET id = 2",
      "REPLACE INTO t (id, c) VALUES (2, 5)",
      "REPLACE INTO t (id, a) VALUES (2, 'r')",
    ],
  },
  "what sql_mode makes of it": {
    ddl: "(id INT PRIMARY KEY, a INT NOT NULL, b VARCHAR(3) NOT NULL, c TEXT NOT NULL)",
    statements: [
      "SET sql_mode = ''",
      "INSERT INTO t (id, a, c) VALUES (1, 5, 'x')",
      "REPLACE INTO t (id) VALUES (1)",
      "UPDATE t SET a = 3, c = 'y'",
    ],
  },
};

type Model = Map<string, Value[]>;

/** What a sink makes of the rows that a statement logged; `now` are the source's rows behind it. */
function apply(model: Model, rows: readonly ReadRow[], now: Model): void {
  for (const { op, before, after, unsure } of rows) {
    const old = before === null ? undefined : model.get(String(before[0]));
    if (before !== null) model.delete(String(before[0]));
    if (after === null) continue;
    const known = unsure ? now.get(String(after[0])) : old;
    if (op === "c" && !unsure && after.includes(UNCHANGED))
      throw new Error("an insert that is not whole");
    const row = after.map((value, index) => (value === UNCHANGED ? known?.[index] : value));
    model.set(
      String(after[0]),
      row.map((value) => value ?? null),
    );
  }
}

async function rowsNow(server: MysqlDatabase, columns: readonly string[]): Promise<Model> {
  const rows = await server.query(`SELECT ${columns.join(", ")} FROM t`);
  return new Map(
    rows.map((row) => [String(row["id"]), columns.map((name) => row[name] as Value)] as const),
  );
}

/** Times are compared to the second: the client prints fractions in its own way. */
const texts = (model: Model): string[] =>
  [...model].map(([, row]) => row.map((value) => String(shown(value)).slice(0, 19)).join()).sort();

/** What the rows of each statement come to, and what the source has. */
async function play(
  server: SharedMysql,
  image: string,
  { ddl, statements }: Case,
): Promise<{ readonly come: string[]; readonly are: string[] }> {
  await using session = await server.connect();
  await session.query(`DROP TABLE IF EXISTS t; CREATE TABLE t ${ddl}`);
  const shape = await shapeOf(server, "t", PLAIN);
  const names = shape.columns.map(({ name }) => name);
  await session.query(`SET SESSION binlog_row_image = '${image}'`);
  const model: Model = new Map();
  const outcome = { come: [] as string[], are: [] as string[] };
  for (const statement of statements) {
    const from = await server.binlogEnd();
    await session.query(statement);
    const to = await server.binlogEnd();
    if (to.position === from.position) continue;
    const rows = await readRows(server, [from, to], new Map([["t", shape]]));
    const now = await rowsNow(server, names);
    apply(model, rows, now);
    outcome.come.push(`${statement}: ${texts(model).join("; ")}`);
    outcome.are.push(`${statement}: ${texts(now).join("; ")}`);
  }
  return outcome;
}

describe.each(mysqlFlavors)("columns that %s leaves out of its log", (flavor) => {
  it.each(Object.entries(CASES))(
    "are as they were unless the change says that it is not sure: %s",
    async (_name, one) => {
      await using server = await sharedMysql(flavor);
      for (const image of ["MINIMAL", "NOBLOB"]) {
        const { come, are } = await play(server, image, one);
        expect(come).toEqual(are);
      }
    },
  );

  it("are none in a full image", async () => {
    await using server = await sharedMysql(flavor);
    const one = CASES["defaults and REPLACE"] ?? { ddl: "", statements: [] };
    const { come, are } = await play(server, "FULL", one);
    expect(come).toEqual(are);
  });

  it.each([
    ["a new row's key", "(id INT PRIMARY KEY DEFAULT 5, a INT)", ["INSERT INTO t (a) VALUES (1)"]],
    [
      "what a row without a primary key was",
      "(id INT NOT NULL UNIQUE, a INT DEFAULT 3)",
      ["INSERT INTO t VALUES (1, 2)", "UPDATE t SET a = 4"],
    ],
    [
      "a row without a primary key",
      "(id INT NOT NULL UNIQUE, a INT DEFAULT 3)",
      ["INSERT INTO t (id) VALUES (1)"],
    ],
  ])("end the log where they are %s", async (_what, ddl, statements) => {
    await using server = await sharedMysql(flavor);
    await using session = await server.connect();
    await session.query(`CREATE TABLE t ${ddl}; SET SESSION binlog_row_image = 'MINIMAL'`);
    const from = await startOf(server);
    for (const statement of statements) await session.query(statement);
    const shape = await shapeOf(server, "t", PLAIN);
    // A unique key that the server takes for a primary one is none to us.
    const key = ddl.includes("PRIMARY") ? shape.key : [];
    const log = await openMysqlLog(logOptions(server, { ...shape, key }), from);
    const reading = (async () => {
      for (let rows = 0; rows < statements.length;) {
        const { items } = await log.next();
        rows += items.length;
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "MR_SOURCE_UNREADABLE" });
    await log.close();
  });
});
