import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import type { TableShape } from "../../model/table.ts";
import { startOf } from "./logged-items.fixture.ts";
import { shapesNow, ToldTables } from "./told-tables.fixture.ts";

/** As it comes from a catalogue of which nobody knows the place. */
function unplaced(shape: TableShape): TableShape {
  const { facts = null } = shape;
  const { since: _, ...rest } = facts as { readonly since: unknown } & Record<string, never>;
  return { ...shape, facts: rest };
}

describe.each(mysqlFlavors)("a table that is made while the catalogue of %s is asked", (flavor) => {
  it("is told of by the log, though it was not there when it was looked for", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY)");
    const now = await shapesNow(server, "t", "u");
    const tables = new Map([...now].map(([id, shape]) => [id, unplaced(shape)]));
    const from = await startOf(server);
    await server.query("DROP TABLE t");
    // The look finds no `t` and waits for `u`.
    await using locker = await server.connect();
    await locker.query("LOCK TABLES u WRITE");
    const opening = ToldTables.open(server, { from, tables });
    opening.catch(() => undefined);
    const waiting = (): Promise<unknown[]> =>
      server.query(
        "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table metadata lock' AND INFO LIKE ?",
        [`%${server.database}%`],
      );
    await expect.poll(waiting, { timeout: 60_000 }).toHaveLength(1);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 2)");
    await locker.query("UNLOCK TABLES");
    await using log = await opening;
    await server.query("INSERT INTO t VALUES (3, 4)");
    const lines = await log.told();
    expect(lines).toContain("shape t (id*#1 int, v#2 int) rewritten [id,v] rows anew");
    expect(lines).toContain("c t id=1 v=2");
    expect(lines).toContain("c t id=3 v=4");
  });
});
