import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, startMysql } from "../../../../../test/support/mysql.ts";
import { openDump } from "./binlog-dump.ts";
import { openConnection } from "./connection.ts";
import { Framing } from "./event-reader.ts";
import { EventType } from "./event-types.ts";
import { GtidSet } from "./gtid-set.ts";
import { decodeGtid, decodeMariaDbGtid, decodeTaggedGtid } from "./log-events.ts";
import { decodeQuery } from "./query-event.ts";
import { anyServerId, configOf, eventsTold, type ToldEvent } from "./told-events.fixture.ts";

function statements(events: readonly ToldEvent[]): string[] {
  return events
    .filter(({ type }) => type === EventType.QUERY)
    .map(({ body }) => decodeQuery(body, 0, body.length).sql);
}

/** GTIDs in the order of the log, as text. */
function gtids(events: readonly ToldEvent[]): string[] {
  return events.flatMap(({ type, body, serverId }) => {
    const end = body.length;
    if (type === EventType.MARIADB_GTID) {
      const { domain, server, sequence } = decodeMariaDbGtid(body, 0, end, serverId).gtid;
      return [`${domain}-${server}-${sequence}`];
    }
    if (type !== EventType.GTID && type !== EventType.GTID_TAGGED) return [];
    const tagged = type === EventType.GTID_TAGGED;
    const { gtid } = tagged ? decodeTaggedGtid(body, 0, end) : decodeGtid(body, 0, end, false);
    return [`${gtid?.origin}:${gtid?.number}`];
  });
}

describe.each(mysqlFlavors)("a dump of %s", (flavor) => {
  it("tells statements and rows from a place on, with the database and the session's modes", async () => {
    await using server = await sharedMysql(flavor);
    const { file, position } = await server.binlogEnd();
    await server.query(
      "SET sql_mode = 'ANSI_QUOTES'; CREATE TABLE \"told\" (id INT PRIMARY KEY); INSERT INTO told VALUES (1)",
    );
    const events = await eventsTold(server, { fileName: file, at: position });
    const query = events
      .filter(({ type }) => type === EventType.QUERY)
      .map(({ body }) => decodeQuery(body, 0, body.length))
      .find(({ database, sql }) => database === server.database && sql.includes('"told"'));
    expect(query?.sqlMode).toSatisfy((mode: number) => (mode & 4) === 4);
    const rows = [EventType.WRITE_ROWS, EventType.WRITE_ROWS_V1];
    expect(events.some(({ type }) => rows.some((row) => row === type))).toBe(true);
  });

  it("leaves out what was executed, where it begins by GTIDs", async () => {
    await using server = await sharedMysql(flavor);
    const before = (await server.binlogEnd()).gtids;
    await server.query("CREATE TABLE a (id INT PRIMARY KEY)");
    const start =
      flavor === "mysql" ? { executed: GtidSet.parse(before) } : { mariaDbPosition: before };
    const events = await eventsTold(server, start);
    expect(statements(events).some((sql) => sql.includes("CREATE TABLE a"))).toBe(true);
    const known = flavor === "mysql" ? GtidSet.parse(before) : null;
    for (const gtid of gtids(events))
      expect(
        known === null ? before.split(",").includes(gtid) : known.contains(GtidSet.parse(gtid)),
      ).toBe(false);
  });

  it("says what the server refuses", async () => {
    await using server = await sharedMysql(flavor);
    await expect(eventsTold(server, { fileName: "binlog.999999", at: 4 })).rejects.toMatchObject({
      errno: 1236,
    });
  });

  it("reads checksums where the log has them and goes without where not", async () => {
    await using server = await startMysql(flavor, { settings: { binlog_checksum: "NONE" } });
    await server.query("CREATE TABLE plain (id INT PRIMARY KEY)");
    await server.query("SET GLOBAL binlog_checksum = CRC32");
    await server.query("CREATE TABLE summed (id INT PRIMARY KEY)");
    const { file } = await server.binlogEnd();
    const events = await eventsTold(server, { fileName: file.replace(/\d+$/, "000001"), at: 4 });
    const told = statements(events).filter((sql) => sql.startsWith("CREATE TABLE"));
    expect(told.slice(-2).map((sql) => sql.split(" ")[2])).toEqual(["plain", "summed"]);
  });
});

describe("a dump of MySQL", () => {
  it("knows tagged GTIDs, also as where it begins", async () => {
    await using server = await startMysql("mysql");
    await server.query("SET gtid_next = 'AUTOMATIC:nightly'; CREATE TABLE a (id INT PRIMARY KEY)");
    await server.query("CREATE TABLE b (id INT PRIMARY KEY)");
    const all = GtidSet.parse((await server.binlogEnd()).gtids);
    const told = gtids(await eventsTold(server, { executed: GtidSet.EMPTY }));
    expect(GtidSet.parse(told.join(",")).toString()).toBe(all.toString());
    expect(told.some((gtid) => gtid.includes(":nightly:"))).toBe(true);

    await server.query("CREATE TABLE c (id INT PRIMARY KEY)");
    expect(gtids(await eventsTold(server, { executed: all }))).toHaveLength(1);
  });

  it("ends an older dump of the same reader", async () => {
    await using server = await sharedMysql("mysql");
    const { file, position } = await server.binlogEnd();
    const uuid = crypto.randomUUID();
    const start = { fileName: file, at: position };
    const options = { start, uuid, heartbeatMs: 100, serverId: anyServerId() };
    const older = await openDump(configOf(server), options);
    const ended = (async () => {
      for (;;) if (older.reader.advance() === Framing.MORE) await older.reader.fill();
    })();
    const [newer] = await Promise.all([
      openDump(configOf(server), { ...options, serverId: anyServerId() }),
      expect(ended).rejects.toThrow(),
    ]);
    newer.connection.destroy();
    older.connection.destroy();
  });
});

describe.each(mysqlFlavors)("a session at %s", (flavor) => {
  it("answers in text, in UTC, whatever the user has set, and bounds its statements", async () => {
    await using server = await sharedMysql(flavor);
    const connection = await openConnection(configOf(server));
    try {
      const bound = flavor === "mysql" ? "@@max_execution_time" : "@@max_statement_time";
      const [row] = await connection.query(
        `SELECT @@time_zone, @@sql_mode, CAST(? AS DECIMAL(30, 10)), NULL, ${bound} > 0`,
        ["123456789012345678.5"],
      );
      expect(row).toEqual(["+00:00", "", "123456789012345678.5000000000", null, "1"]);
      expect(connection.version.flavor).toBe(flavor);
    } finally {
      await connection.close();
    }
  });

  it("gives refusals as what somebody has to change, without words that may hold values", async () => {
    await using server = await sharedMysql(flavor);
    const config = { ...configOf(server), user: "nobody", password: "wrong" };
    await expect(openConnection(config)).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    const connection = await openConnection(configOf(server));
    try {
      const secret = "DO 1 + CAST('secret-value' AS SIGNED) + EXP(710)";
      const failing = connection.query(
        flavor === "mysql" ? secret : `SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'secret-value'`,
      );
      await expect(failing).rejects.toSatisfy(
        (error: Error) => !`${error.message}${String(error.cause)}`.includes("secret-value"),
      );
    } finally {
      await connection.close();
    }
  });
});
