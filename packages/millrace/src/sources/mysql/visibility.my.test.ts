import { describe, expect, it } from "vitest";
import { type MysqlServer, startMysql } from "../../../../../test/support/mysql.ts";
import { type Clock, systemClock } from "../../model/ports.ts";
import { openConnection } from "./connection.ts";
import { parseGtid } from "./gtid-set.ts";
import { hangingCommit } from "./hanging-commit.fixture.ts";
import { dumpStart } from "./log-files.ts";
import { readGtidState, readLogEnd, type Session } from "./log-end.ts";
import { eventsFrom } from "./log-probe.ts";
import { parseMariaDbGtid } from "./mariadb-gtid.ts";
import { readXaStretch } from "./prepared-scan.ts";
import { SeenPlace } from "./seen-place.ts";
import { readStanding } from "./server-standing.ts";
import { beginSnapshot } from "./snapshot-begin.ts";
import { configOf } from "./told-events.fixture.ts";
import {
  gtidTransaction,
  type LogOffset,
  mariaDbTransaction,
  placedTransaction,
  xaTransaction,
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

/** No time passes between looks: none is in vain for so long that another file is begun, which ends a commit that hangs. */
const still = { ...clock, monotonic: () => 0 };

/** The id of the transaction that begins at `place` and hangs. */
async function idOf(server: MysqlServer, session: Session, place: LogOffset): Promise<string> {
  if (server.flavor === "mariadb") return mariaDbTransaction(parseMariaDbGtid("0-1-1"), place);
  const { owned } = await readGtidState(session);
  return owned === "" ? placedTransaction(place) : gtidTransaction(parseGtid(owned));
}

async function count(session: Session, table: string): Promise<number> {
  const [row] = await session.query(`SELECT COUNT(*) FROM ${table}`);
  return Number(row?.[0]);
}

/** Knows nothing of the server yet, and reads its log where it has to. */
function seenPlace(server: MysqlServer, by: Clock): SeenPlace {
  const config = configOf(server);
  const readStretch = async (from: LogOffset, until: LogOffset) => {
    const session = await openConnection(config);
    const start = dumpStart(await readStanding(session, session.version), from);
    await session.close();
    return readXaStretch(eventsFrom(config, start), until);
  };
  return new SeenPlace({ clock: by, readXaStretch: readStretch });
}

describe.each(kinds)("what snapshots of $kind see", ({ flavor, settings }) => {
  it("leaves out what is in the log and not committed in the engine, and has it once it is", async () => {
    await using server = await startMysql(flavor, { settings });
    const config = configOf(server);
    await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
    const [session, control] = await Promise.all([openConnection(config), openConnection(config)]);
    const seen = seenPlace(server, still);
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

describe.each(kinds)("what snapshots of $kind see of XA transactions", ({ flavor, settings }) => {
  it("leaves out one whose commit is in the log and not in the engine, and has it once it is", async () => {
    await using server = await startMysql(flavor, { settings });
    await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
    const writer = await server.connect();
    for (const sql of [
      "XA START 'x'",
      "INSERT INTO test.t VALUES (1)",
      "XA END 'x'",
      "XA PREPARE 'x'",
    ])
      await writer.query(sql);
    await writer.end();
    const config = configOf(server);
    const [session, control] = await Promise.all([openConnection(config), openConnection(config)]);
    const seen = seenPlace(server, still);
    try {
      const place = await readLogEnd(control);
      await using commit = await hangingCommit(server, "XA COMMIT 'x'");
      const id = xaTransaction(
        { id: await idOf(server, control, place), commitTimeMs: 0 },
        "X'78',X'',1",
      ).id;
      const early = await beginSnapshot(session, { seen, clock, exact: false });
      expect(await count(session, "test.t")).toBe(0);
      expect(early.visibility.sees(id)).toBe(false);
      expect(Visibility.ofToken(early.visibility.token).sees(id)).toBe(false);
      expect((await seen.visibility(control)).sees(id)).toBe(false);
      await commit.release();
      await session.query("ROLLBACK");
      const late = await beginSnapshot(session, { seen, clock, exact: false });
      expect(await count(session, "test.t")).toBe(1);
      expect(late.visibility.sees(id)).toBe(true);
      expect(Visibility.ofToken(late.visibility.token).sees(id)).toBe(true);
    } finally {
      session.destroy();
      control.destroy();
    }
  });
});

describe("what snapshots of MariaDB have to see", () => {
  const xid = (name: string): string => `X'${Buffer.from(name).toString("hex")}',X'',1`;

  /** Each has a row of its own, of this key. */
  async function prepare(server: MysqlServer, rows: Record<string, number>): Promise<void> {
    for (const [name, id] of Object.entries(rows)) {
      await using writer = await server.connect();
      for (const sql of [
        `XA START '${name}'`,
        `INSERT INTO test.t VALUES (${id})`,
        `XA END '${name}'`,
        `XA PREPARE '${name}'`,
      ])
        await writer.query(sql);
    }
  }

  const patient = (): AbortSignal => AbortSignal.timeout(20_000);
  const waiting = async (reached: Promise<void>): Promise<string> =>
    Promise.race([reached.then(() => "reached"), systemClock.sleep(300).then(() => "waits")]);

  it.each([
    ["whose log was followed from before it on", true],
    ["whose reader begins behind it", false],
  ])(
    "waits for an XA COMMIT that is in the log and not in the engine, %s, and not for what stays prepared",
    async (_where, isBefore) => {
      await using server = await startMysql("mariadb", { settings: {} });
      await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
      await prepare(server, { stays: 1, x: 2 });
      const config = configOf(server);
      const control = await openConnection(config);
      const seen = seenPlace(server, clock);
      const prepared = [{ xid: xid("stays") }, { xid: xid("x") }];
      try {
        const begin = await readLogEnd(control);
        if (isBefore) seen.begin({ place: begin, prepared });
        await prepare(server, { later: 3 });
        // Nothing is on its way, whatever is prepared.
        if (isBefore) await seen.reach(control, await readLogEnd(control), patient());
        await using commit = await hangingCommit(server, "XA COMMIT 'x'");
        const place = await readLogEnd(control);
        if (!isBefore)
          seen.begin({ place, prepared: [{ xid: xid("stays") }, { xid: xid("later") }] });
        const reached = seen.reach(control, place, patient());
        expect(await waiting(reached)).toBe("waits");
        expect(await count(control, "test.t")).toBe(0);
        await commit.release();
        await reached;
        expect(await count(control, "test.t")).toBe(1);
      } finally {
        control.destroy();
      }
    },
  );
});

describe("MySQL whose GTIDs are being turned on", () => {
  it("has transactions of both kinds in its log, and each is seen by what holds for its kind", async () => {
    const settings = { gtid_mode: "OFF", enforce_gtid_consistency: "ON" };
    await using server = await startMysql("mysql", { settings });
    await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
    const control = await openConnection(configOf(server));
    const seen = seenPlace(server, clock);
    const sees = async (id: string, by = seen): Promise<boolean> =>
      (await by.visibility(control)).sees(id);
    const turn = (mode: string): Promise<unknown> => server.query(`SET GLOBAL gtid_mode = ${mode}`);
    try {
      const anonymous = placedTransaction(await readLogEnd(control));
      await server.query("INSERT INTO test.t VALUES (1)");
      await turn("OFF_PERMISSIVE");
      await turn("ON_PERMISSIVE");
      const place = await readLogEnd(control);
      await using commit = await hangingCommit(server, "INSERT INTO test.t VALUES (2)");
      const numbered = await idOf(server, control, place);
      expect(numbered).toContain("-");
      expect([await sees(anonymous), await sees(numbered)]).toEqual([true, false]);
      // That none without GTID is on its way proves nothing for the others.
      const reached = seen.reach(control, await readLogEnd(control), AbortSignal.timeout(20_000));
      expect(await Promise.race([reached, systemClock.sleep(100).then(() => "waits")])).toBe(
        "waits",
      );
      await commit.release();
      await reached;
      await turn("ON");
      for (const by of [seen, seenPlace(server, clock)])
        expect([await sees(anonymous, by), await sees(numbered, by)]).toEqual([true, true]);
    } finally {
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
      const poorPlace = seenPlace(server, clock);
      const given = new AbortController();
      const poorReach = poorPlace.reach(poor, await readLogEnd(poor), given.signal);
      await expect
        .poll(() => poorPlace.wait, { timeout: 60_000 })
        .toMatchObject({ mayNotFlush: true });
      given.abort();
      await expect(poorReach).rejects.toThrow("abort");
      expect(await readLogEnd(control)).toMatchObject({ file: first.file });

      const seen = seenPlace(server, clock);
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
