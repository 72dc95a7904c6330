/** What a server does that sends nothing and yet lives, as `status` and the log of the process tell it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../../../test/support/postgres.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { openConnection } from "./connection.ts";
import { LoggedDatabase } from "./log.fixture.ts";
import { LogWatch } from "./log-watch.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

describe("a log that is held back until standbys have it", () => {
  it("is told of with the standbys, once, and until it is let go", async () => {
    await using db = await LoggedDatabase.on(server, { failover: true });
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    await db.query("SELECT pg_create_physical_replication_slot('nobody', true)");
    await db.run(
      "ALTER SYSTEM SET synchronized_standby_slots = 'nobody'",
      "SELECT pg_reload_conf()",
      "INSERT INTO t VALUES (1)",
    );
    const log = await db.open();
    const next = log.next();
    next.catch(() => undefined);
    const side = await openConnection(db.connection);
    const said: string[] = [];
    const state = { nowMs: 0 };
    const pid = async (): Promise<number | null> => {
      const [row] = await db.query(
        `SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = '${db.settings.slotName}'`,
      );
      return Number(row?.["pid"] ?? 0);
    };
    const watch = new LogWatch({
      client: side.client,
      clock: { ...systemClock, now: () => 17, monotonic: () => state.nowMs },
      log: {
        ...silentLogger,
        warn: (message) => void said.push(message),
        info: (message) => void said.push(message),
      },
      processId: await pid(),
      isStandbys: false,
    });
    const look = async (): Promise<string | null> => {
      state.nowMs += 20_000;
      await watch.look(20_000);
      return watch.wait?.why ?? null;
    };
    await watch.look(0);
    expect(watch.wait).toBeNull();
    await expect.poll(look, { timeout: 60_000 }).toMatch(/synchronized_standby_slots .*: nobody$/);
    await look();
    expect(watch.wait).toMatchObject({ what: "log", reason: "synchronized-standbys", sinceMs: 17 });
    expect(said).toEqual([watch.wait?.why]);
    await db.run("ALTER SYSTEM RESET synchronized_standby_slots", "SELECT pg_reload_conf()");
    await expect.poll(look, { timeout: 60_000 }).toBeNull();
    expect(said).toHaveLength(2);
    await log.close();
    await side.close();
  });
});
