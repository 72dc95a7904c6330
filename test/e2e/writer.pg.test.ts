import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../support/postgres.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { buildSource } from "./database.ts";
import { changeColumns } from "./ddl-writer.ts";
import { Dice } from "./random.ts";
import { fullName } from "./sample-table.ts";
import { sampleTables } from "./schema.ts";
import { openSession, textRows } from "./sql-session.ts";
import { Numbers, writeSession } from "./writer.ts";

describe("the writers", () => {
  let postgres: SharedPostgres;
  let session: pg.Client;
  beforeAll(async () => {
    postgres = await sharedPostgres();
    await buildSource(postgres.url);
    session = await openSession(postgres.url);
    await textRows(session, "SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [
      postgres.database,
    ]);
  });
  afterAll(async () => {
    await session.end();
    await postgres.release();
  });

  it("do everything that they are made for, several at once", async () => {
    const numbers = new Numbers();
    const common = { url: postgres.url, numbers };
    const sessions = [1, 2, 3].map((seed) =>
      writeSession({
        ...common,
        tables: sampleTables,
        dice: new Dice(seed),
        transactions: 150,
        largeRows: 3000,
      }),
    );
    const ddl = changeColumns({
      ...common,
      tables: sampleTables.filter(({ manners }) => manners.ddl),
      dice: new Dice(9),
      steps: 30,
      retypes: true,
      pauseMs: 5,
    });
    const reports = await Promise.all(sessions);
    const statements = (await ddl).join("\n");
    for (const { committed, rolledBack, refused } of reports) {
      expect(committed).toBeGreaterThan(100);
      expect(rolledBack).toBeGreaterThan(0);
      const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
      expect([refused, refusals < 35]).toEqual([refused, true]);
    }
    for (const kind of ["ADD COLUMN", "DEFAULT", "RENAME", "DROP COLUMN", "TYPE text"]) {
      expect(statements).toContain(kind);
    }
    const seen = await textRows(
      session,
      "SELECT data FROM pg_logical_slot_get_changes($1, NULL, NULL, 'include-xids', '0')",
      [postgres.database],
    );
    const log = seen.map(([line]) => line ?? "");
    const unseen = sampleTables.filter((table) => {
      const name = fullName(table).replaceAll(/"([a-z_0-9]+)"/g, "$1");
      return (
        !log.some((line) => line.startsWith(`table ${name}: UPDATE`) || table.key.length === 0) &&
        !name.includes("s_parts") &&
        !name.includes("s_only_key")
      );
    });
    expect(unseen.map(({ name }) => name)).toEqual([]);
    for (const pattern of [/TRUNCATE/, /: DELETE/, /old-key/, /unchanged-toast-datum/]) {
      expect([pattern, log.some((line) => pattern.test(line))]).toEqual([pattern, true]);
    }
  });
});
