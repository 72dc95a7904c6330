import { describe, expect, it } from "vitest";
import { type MysqlServer, startMysql } from "../../../../../test/support/mysql.ts";
import { systemClock } from "../../model/ports.ts";
import { openConnection } from "./connection.ts";
import { parseGtid } from "./gtid-set.ts";
import { hangingCommit } from "./hanging-commit.fixture.ts";
import { readGtidState, readLogEnd, type Session } from "./log-end.ts";
import { parseMariaDbGtid } from "./mariadb-gtid.ts";
import { SeenPlace } from "./seen-place.ts";
import { beginSnapshot } from "./snapshot-begin.ts";
import { configOf } from "./told-events.fixture.ts";
import {
  gtidTransaction,
  type LogOffset,
  mariaDbTransaction,
  placedTransaction,
} from "./transaction-id.ts";
import { Visibility } from "./visibility.ts";

const GTIDS = { gtid_mode: "ON", enforce_gtid_consistency: "ON" };
const kinds = [
  { kind: "MySQL with GTIDs", flavor: "mysql", settings: GTIDS },
  { kind: "MySQL without GTIDs", flavor: "mysql", settings: { gtid_mode: "OFF" } },
  { kind: "MariaDB", flavor: "mariadb", settings: {} },
] as const;

/** Waits are a twentieth as long. */
const clock = {
  now: () => Date.now(),
  monotonic: () => 20 * performance.now(),
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 20, signal),
};

/** The id of the transaction that begins at `place` and hangs. */
async function idOf(server: MysqlServer, session: Session, place: LogOffset): Promise<string> {
  if (server.flavor === "mariadb") return mariaDbTransaction(parseMariaDbGtid("0-1-1"), place);
  const { isOn, owned } = await readGtidState(session);
  return isOn ? gtidTransaction(parseGtid(owned)) : placedTransaction(place);
}

async function count(session: Session, table: string): Promise<number> {
  const [row] = await session.query(`SELECT COUNT(*) FROM ${table}`);
  return Number(row?.[0]);
}

describe.each(kinds)("what snapshots of $kind see", ({ flavor, settings }) => {
  it("leaves out what is in the log and not committed in the engine, and has it once it is", async () => {
    await using server = await startMysql(flavor, { settings });
    const config = configOf(server);
    await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
    const [session, control] = await Promise.all([openConnection(config), openConnection(config)]);
    const seen = new SeenPlace({ clock });
    const open = (exact = false) => beginSnapshot(session, { seen, clock, exact });
    try {
      const place = await readLogEnd(control);
      await using commit = await hangingCommit(server, "INSERT INTO test.t VALUES (1)");
      const id = await idOf(server, control, place);

      const early = await open();
      expect(await count(session, "test.t")).toBe(0);
      expect(early.visibility.sees(id)).toBe(false);
      // What the server says of its log is ahead of what it shows.
      expect(early.end).not.toEqual(place);
      expect((await seen.visibility(control)).sees(id)).toBe(false);
      expect(seen.wait).toBe(null);
      const reached = seen.reach(control, early.end, AbortSignal.timeout(20_000));
      expect(await Promise.race([reached, systemClock.sleep(100).then(() => "waits")])).toBe(
        "waits",
      );
      expect(seen.wait).toMatchObject({ mayNotFlush: false });

      await commit.release();
      await reached;
      await session.query("ROLLBACK");
      const late = await open(true);
      expect(await count(session, "test.t")).toBe(1);
      expect(late.visibility.sees(id)).toBe(true);
      expect(Visibility.ofToken(late.visibility.token).sees(id)).toBe(true);
      expect(Visibility.ofToken(early.visibility.token).sees(id)).toBe(false);
    } finally {
      session.destroy();
      control.destroy();
    }
  });
});

describe("MySQL without GTIDs that is never without a transaction", () => {
  it("goes on to another file, at most once in ten seconds, and says where it may not", async () => {
    await using server = await startMysql("mysql", { settings: { gtid_mode: "OFF" } });
    await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
    const user = await server.createUser({ grants: "SELECT, REPLICATION CLIENT" });
    const config = configOf(server);
    const control = await openConnection(config);
    const poor = await openConnection({ ...config, user: user.user, password: user.password });
    await using busy = await server.connect();
    try {
      await busy.query("SET gtid_next = 'ANONYMOUS'");
      const first = await readLogEnd(control);
      await server.query("INSERT INTO test.t VALUES (1)");
      const poorPlace = new SeenPlace({ clock });
      const given = new AbortController();
      const poorReach = poorPlace.reach(poor, await readLogEnd(poor), given.signal);
      await expect.poll(() => poorPlace.wait).toMatchObject({ mayNotFlush: true });
      given.abort();
      await expect(poorReach).rejects.toThrow("abort");
      expect(await readLogEnd(control)).toMatchObject({ file: first.file });

      const seen = new SeenPlace({ clock });
      const id = placedTransaction(first);
      expect((await seen.visibility(control)).sees(id)).toBe(false);
      await seen.reach(control, await readLogEnd(control), AbortSignal.timeout(20_000));
      expect((await seen.visibility(control)).sees(id)).toBe(true);
      expect(await readLogEnd(control)).toMatchObject({ file: first.file + 1 });

      await server.query("INSERT INTO test.t VALUES (2)");
      const end = await readLogEnd(control);
      await expect(seen.reach(control, end, AbortSignal.timeout(100))).rejects.toThrow();
      expect(await readLogEnd(control)).toMatchObject({ file: first.file + 1 });
      const since = performance.now();
      await seen.reach(control, end, AbortSignal.timeout(20_000));
      expect(performance.now() - since).toBeGreaterThan(50);
    } finally {
      control.destroy();
      poor.destroy();
    }
  });
});
