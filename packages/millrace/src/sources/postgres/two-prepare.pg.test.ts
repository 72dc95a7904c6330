import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { POSTGRES_SOURCE_DEFAULTS } from "./options.ts";
import { PostgresSource } from "./source.ts";

let postgres: SharedPostgres;
beforeAll(async () => {
  postgres = await sharedPostgres();
  await postgres.query("CREATE TABLE t (id int PRIMARY KEY)");
});
afterAll(() => postgres.release());

const slotName = () => `two_${postgres.database}`;
const sourceOf = () =>
  new PostgresSource(
    {
      ...POSTGRES_SOURCE_DEFAULTS,
      hostname: postgres.host,
      port: postgres.port,
      username: postgres.user,
      password: postgres.password,
      database: postgres.database,
      matches: () => true,
      tablesText: "public.\\.*",
      slotName: slotName(),
      publicationName: slotName(),
    },
    { pipeline: "two", clock: systemClock, random: Math.random, log: silentLogger },
  );

it("a slot whose making waits for an open transaction is no slot that lost its log", async () => {
  const open = new pg.Client({ connectionString: postgres.url });
  await open.connect();
  await open.query("BEGIN; INSERT INTO t VALUES (1)");
  const [first, second] = [sourceOf(), sourceOf()];
  try {
    const tables = (await first.discover()).map(({ shape }) => shape);
    const made = first.prepare(tables, null);
    const isThere = () =>
      postgres.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", [slotName()]);
    await expect.poll(async () => (await isThere()).length, { timeout: 60_000 }).toBe(1);
    await expect(second.prepare(tables, null)).rejects.toMatchObject({
      code: "MR_SOURCE_SLOT_BUSY",
    });
    await open.query("COMMIT");
    expect(await made).toMatchObject({ created: true });
    expect(await second.prepare(tables, null)).toMatchObject({ created: false });
  } finally {
    await open.end();
    await first.close();
    await second.close();
    await postgres.query("SELECT pg_drop_replication_slot($1)", [slotName()]);
    await postgres.query(`DROP PUBLICATION "${slotName()}"`);
  }
});

it("a slot that another one makes at the same moment is taken as it is, or waited for", async () => {
  for (let round = 0; round < 2; round++) {
    const both = [sourceOf(), sourceOf()];
    const tables = (await sourceOf().discover()).map(({ shape }) => shape);
    try {
      const ends = await Promise.allSettled(both.map((source) => source.prepare(tables, null)));
      const refused = ends.flatMap((end) =>
        end.status === "rejected" ? [end.reason as unknown] : [],
      );
      // Whoever has to wait tries again by itself: nothing for the operator, and no loss.
      for (const error of refused)
        expect(error instanceof MillraceError ? error.class : error).toBe("transient");
      const starts = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value.start] : []));
      expect(starts.length).toBeGreaterThan(0);
      for (const start of starts) expect(Array.isArray(start) && Number(start[0]) > 0).toBe(true);
    } finally {
      for (const source of both) await source.close();
      await postgres.query("SELECT pg_drop_replication_slot($1)", [slotName()]);
      await postgres.query(`DROP PUBLICATION "${slotName()}"`);
    }
  }
});
