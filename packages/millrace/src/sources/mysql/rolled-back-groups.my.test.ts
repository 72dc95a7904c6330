import { statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type MysqlDatabase, mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";
import { startOf } from "./logged-items.fixture.ts";
import { shapesNow, ToldTables } from "./told-tables.fixture.ts";

const TABLES =
  "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(2000)); CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM";
/** GTIDs of MySQL forbid what else would put a ROLLBACK into its log. */
const SETTINGS = {
  mysql: { gtid_mode: "OFF", enforce_gtid_consistency: "OFF" },
  mariadb: {},
} as const;

/** Rows of 1,000 bytes: more than a batch holds. */
const many = (from: number, to: number) =>
  `INSERT INTO a WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT i, REPEAT('x', 1000) FROM n`;

/** Rows of a thousand bytes each, many times 891. */
const copies = (base: number, times: number): string[] =>
  Array.from({ length: times }, (_, index) => {
    return `INSERT INTO a SELECT id + ${(index + 1) * 1_000}, v FROM a WHERE id BETWEEN ${base + 10} AND ${base + 900}`;
  });

/** Each is a session of its own, so that its temporary tables go with it. */
const GROUPS: Readonly<Record<string, string>> = {
  "rolled back with a temporary table":
    "START TRANSACTION; INSERT INTO a VALUES (1, ''); CREATE TEMPORARY TABLE tt (x INT); INSERT INTO a VALUES (2, ''); ROLLBACK",
  "rolled back with a temporary table that is dropped":
    "CREATE TEMPORARY TABLE tt (x INT); START TRANSACTION; INSERT INTO a VALUES (3, ''); DROP TEMPORARY TABLE tt; INSERT INTO a VALUES (4, ''); ROLLBACK",
  "taken back to a savepoint":
    "START TRANSACTION; INSERT INTO a VALUES (11, ''); CREATE TEMPORARY TABLE tt (x INT); SAVEPOINT s1; INSERT INTO a VALUES (12, ''); SAVEPOINT `S 2`; INSERT INTO a VALUES (13, ''); ROLLBACK TO `S 2`; INSERT INTO a VALUES (14, ''); ROLLBACK TO S1; INSERT INTO a VALUES (15, ''); COMMIT",
  "taken back to a savepoint, with a table without transactions":
    "START TRANSACTION; INSERT INTO a VALUES (21, ''); INSERT INTO m VALUES (1); SAVEPOINT s1; INSERT INTO a VALUES (22, ''); INSERT INTO m VALUES (2); ROLLBACK TO s1; UPDATE a SET v = 'again' WHERE id = 21; COMMIT",
  "taken back to its beginning":
    "START TRANSACTION; SAVEPOINT s1; INSERT INTO a VALUES (31, ''); CREATE TEMPORARY TABLE tt (x INT); ROLLBACK TO s1; INSERT INTO a VALUES (32, ''); COMMIT",
  "rolled back, and larger than a batch": `START TRANSACTION; ${many(1_000, 1_400)}; CREATE TEMPORARY TABLE tt (x INT); ROLLBACK`,
  "taken back before a batch is full, and behind it": `START TRANSACTION; INSERT INTO a VALUES (41, ''); CREATE TEMPORARY TABLE tt (x INT); SAVEPOINT s1; INSERT INTO a VALUES (42, ''); SAVEPOINT s2; ${many(2_000, 2_200)}; SAVEPOINT s3; ${many(2_201, 2_300)}; ROLLBACK TO s3; INSERT INTO a VALUES (43, ''); ROLLBACK TO s2; ${many(2_301, 2_420)}; COMMIT`,
};

async function run(server: MysqlDatabase, statements: string): Promise<void> {
  const session = await server.connect();
  try {
    for (const statement of statements.split("; ")) await session.query(statement);
  } finally {
    await session.end();
  }
}

const short = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/x{9,}/, "…"));

/** Keys of rows as changes leave them. */
function left(told: readonly string[]): number[] {
  const ids = new Set<number>();
  for (const line of told) {
    const [, op, id] = /^([cud]) a id=(\d+)/.exec(line) ?? [];
    if (op === "c") expect(ids).not.toContain(Number(id));
    if (op === "d") ids.delete(Number(id));
    else if (id !== undefined) ids.add(Number(id));
  }
  return [...ids].toSorted((x, y) => x - y);
}

async function idsOf(server: MysqlDatabase): Promise<number[]> {
  const rows = await server.query("SELECT id FROM a ORDER BY id");
  return rows.map((row) => Number(row["id"]));
}

/** Kills the server while it writes 14 MB of one transaction into its log; false where all of it was written by then. */
async function killWithin(
  server: Awaited<ReturnType<typeof startMysql>>,
  round: number,
): Promise<boolean> {
  const base = round * 20_000;
  const session = await server.connect();
  await session.query("START TRANSACTION");
  await session.query(many(base + 10, base + 900));
  for (const sql of copies(base, 15)) await session.query(sql);
  const { file, position } = await server.binlogEnd();
  const bytes = (): number => statSync(join(server.dataDir, file)).size;
  session.query("COMMIT").catch(() => undefined);
  while (bytes() < position + 1_000_000) await setImmediate();
  await server.kill();
  return bytes() < position + 13_000_000;
}

describe.each(mysqlFlavors)(
  "transactions of %s that are in the log though they never were",
  (flavor) => {
    it("are not told, nor what was taken back of others, however large; a restart anywhere in them tells the same", async () => {
      await using server = await startMysql(flavor, { settings: SETTINGS[flavor] });
      await server.query(TABLES);
      const tables = await shapesNow(server, "a");
      const from = await startOf(server);
      for (const statements of Object.values(GROUPS)) await run(server, statements);
      await using told = await ToldTables.open(server, { from, tables });
      const lines = await told.told();
      expect(left(lines)).toEqual(await idsOf(server));
      expect(lines).toContain("u a id=21 v=again");
      // What was given is a part of a commit, whatever follows: so each place is one to begin at.
      const items = told.items.filter(({ kind }) => kind === "change");
      for (const index of [0, 3, 100, 200, 330, items.length - 1]) {
        const step = told.steps[index];
        if (step === undefined) continue;
        await using again = await ToldTables.open(server, { from: step.position, tables });
        expect(short(await again.told())).toEqual(short(lines.slice(index + 1)));
      }
    });

    it("are not told where the server was killed while it wrote them, whether they came to be or not", async () => {
      await using server = await startMysql(flavor, { storage: "disk" });
      await server.query(TABLES);
      const tables = await shapesNow(server, "a");
      const from = await startOf(server);
      await server.query("INSERT INTO a VALUES (1, 'whole')");
      // A quick disk may have it whole before the signal arrives: then one more is tried.
      let cut = false;
      for (let round = 0; !cut && round < 20; round++) {
        if (round > 0) await server.start();
        cut = await killWithin(server, round);
      }
      expect(cut).toBe(true);
      await server.start();
      await server.query("INSERT INTO a VALUES (2, 'behind')");
      await using told = await ToldTables.open(server, { from, tables });
      expect(left(await told.told())).toEqual(await idsOf(server));
    });
  },
);

/** A session that was sent a log, or is. */
function isDump(row: Readonly<Record<string, unknown>>): boolean {
  return String(row["Command"]).startsWith("Binlog Dump") || String(row["Command"]) === "Sleep";
}

describe("MariaDB's transactions that are larger than what is held", () => {
  it("are looked ahead of in one session where they follow each other, which is not kept behind its reader", async () => {
    await using server = await startMysql("mariadb", { settings: {} });
    await server.query(TABLES);
    const tables = await shapesNow(server, "a");
    const from = await startOf(server);
    const undone = "CREATE TEMPORARY TABLE tt (x INT); ROLLBACK";
    const insert = (base: number): string => many(base, base + 400);
    for (const base of [0, 1_000, 2_000]) await run(server, insert(base));
    await run(server, `START TRANSACTION; ${insert(3_000)}; ${undone}`);
    await run(server, "INSERT INTO a VALUES (3500, 'small')");
    await run(server, insert(4_000));
    await server.query("FLUSH BINARY LOGS");
    await run(server, insert(5_000));
    const sessions = async (): Promise<number> => {
      const [row] = await server.query("SHOW GLOBAL STATUS LIKE 'Connections'");
      return Number(row?.["Value"]);
    };
    await using told = await ToldTables.open(server, { from, tables });
    const lines = await told.told();
    expect(left(lines)).toEqual(await idsOf(server));
    await using again = await ToldTables.open(server, { from, tables });
    const opened = async (): Promise<number> => {
      const before = await sessions();
      await again.told();
      return (await sessions()) - before;
    };
    const [reading, resting] = [await opened(), await opened()];
    // One in the first file, for five transactions, and one in the second, which its reader came to before.
    expect(reading - resting).toBeLessThanOrEqual(2);
    // It holds no file of the log that its reader has left.
    await server.query("FLUSH BINARY LOGS; INSERT INTO a VALUES (6000, 'small')");
    await told.told();
    await again.told();
    await expect
      .poll(async () => (await server.query("SHOW PROCESSLIST")).filter(isDump).length, {
        timeout: 60_000,
      })
      .toBe(2);
  });
});
