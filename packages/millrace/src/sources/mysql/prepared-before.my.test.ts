import { describe, expect, it } from "vitest";
import { mysqlFlavors, type MysqlServer, startMysql } from "../../../../../test/support/mysql.ts";
import { type Clock, silentLogger, systemClock } from "../../model/ports.ts";
import { readLogEnd } from "./log-end.ts";
import { MYSQL_SOURCE_DEFAULTS } from "./options.ts";
import { beginLog } from "./prepare-log.ts";
import { preparedAt, preparedSince } from "./prepared-before.ts";
import { SourceServer } from "./source-server.ts";
import type { LogAt } from "./startup-place.ts";
import { compareOffsets } from "./transaction-id.ts";

const QUICK = { clock: systemClock, withinMs: 0 };

describe.each(mysqlFlavors)("a log of %s that begins among XA transactions", (flavor) => {
  it("knows those whose names come again by their last time", async () => {
    await using mysql = await startMysql(flavor);
    await mysql.query("CREATE TABLE items (id INT PRIMARY KEY)");
    await using found = await foundLog(mysql);
    const { log } = found;
    await prepare(mysql, "stays", 1);
    await prepare(mysql, "again", 2);
    const before = await preparedSince(log, QUICK);
    if (before === null) throw new Error("the server does not say what is prepared");
    await commit(mysql, "again");
    await prepare(mysql, "again", 3);
    await prepare(mysql, "new", 4);
    const place = await endOf(log);
    const groups = await preparedAt(log, before, { ...QUICK, place });
    const places = groups?.map(({ xid, file, at }) => [xid, file > 0 && at > before.since.at]);
    expect(places).toEqual([
      [nameOf("stays"), false],
      [nameOf("again"), true],
      [nameOf("new"), true],
    ]);
  }, 120_000);

  it("begins behind the end of an XA transaction whose rows were purged", async () => {
    await using mysql = await startMysql(flavor);
    await mysql.query("CREATE TABLE items (id INT PRIMARY KEY)");
    await prepare(mysql, "purged", 1);
    await purge(mysql);
    await using found = await foundLog(mysql);
    const { log } = found;
    const ends = { after: { file: 0, at: 0 } };
    // Half a second passes before the log has a place.
    const clock = clockThat(1_000, async () => {
      await commit(mysql, "purged");
      ends.after = await endOf(log);
    });
    const startup = { mode: "initial" } as const;
    const { types } = MYSQL_SOURCE_DEFAULTS;
    const catchUp = { clock, withinMs: 10_000 };
    const begun = await beginLog(log, [], { startup, types, era: 1, catchUp });
    expect(begun.prepared).toEqual([]);
    expect(ends.after.file).toBeGreaterThan(0);
    expect(compareOffsets(begun.place, ends.after)).toBeGreaterThanOrEqual(0);
  }, 120_000);

  it("begins though a name that has ended is prepared anew behind its place, and stays so", async () => {
    await using mysql = await startMysql(flavor);
    await mysql.query("CREATE TABLE items (id INT PRIMARY KEY)");
    await using found = await foundLog(mysql);
    const { log } = found;
    await prepare(mysql, "again", 1);
    const before = await preparedSince(log, QUICK);
    if (before === null) throw new Error("the server does not say what is prepared");
    await commit(mysql, "again");
    const place = await endOf(log);
    await prepare(mysql, "again", 2);
    expect(await preparedAt(log, before, { ...QUICK, place })).toEqual([]);
  }, 120_000);
});

interface FoundLog extends AsyncDisposable {
  readonly log: LogAt;
}

async function foundLog(mysql: MysqlServer): Promise<FoundLog> {
  const { host: hostname, port, user: username, password } = mysql;
  const server = new SourceServer(
    {
      ...MYSQL_SOURCE_DEFAULTS,
      hostname,
      port,
      username,
      password,
      matches: () => true,
      tablesText: "",
    },
    { pipeline: "p", clock: systemClock, random: Math.random, log: silentLogger },
  );
  return {
    log: { server, standing: await server.standing() },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function endOf({ server }: LogAt): ReturnType<typeof readLogEnd> {
  return server.control.use((session) => readLogEnd(session));
}

async function prepare(mysql: MysqlServer, xid: string, id: number): Promise<void> {
  await using session = await mysql.connect();
  for (const sql of [
    `XA START '${xid}'`,
    `INSERT INTO items VALUES (${id})`,
    `XA END '${xid}'`,
    `XA PREPARE '${xid}'`,
  ])
    await session.query(sql);
}

/** The server takes a moment to let a transaction go from the session that prepared it. */
function commit(mysql: MysqlServer, xid: string): Promise<void> {
  return expect
    .poll(() => mysql.query(`XA COMMIT '${xid}'`).then(...yesOrNo), { timeout: 60_000 })
    .toBe(true);
}

/** A file that the server has not done with is kept without an error. */
async function purge(mysql: MysqlServer): Promise<void> {
  await mysql.query("FLUSH BINARY LOGS");
  const last = (await mysql.binlogEnd()).file;
  const oldest = async (): Promise<unknown> => {
    await mysql.query(`PURGE BINARY LOGS TO '${last}'`);
    return (await mysql.query("SHOW BINARY LOGS"))[0]?.["Log_name"];
  };
  await expect.poll(oldest, { timeout: 60_000 }).toBe(last);
}

/** Time passes by sleeping alone; at a moment it does something. */
function clockThat(atMs: number, act: () => Promise<void>): Clock {
  let nowMs = 0;
  let hasActed = false;
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      if (hasActed || nowMs < atMs) return;
      hasActed = true;
      await act();
    },
  };
}

const yesOrNo = [() => true, () => false] as const;

function nameOf(xid: string): string {
  return `X'${Buffer.from(xid).toString("hex")}',X'',1`;
}
