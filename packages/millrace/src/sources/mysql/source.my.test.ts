import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../../test/support/mysql.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { MYSQL_SOURCE_DEFAULTS, type MysqlSourceOptions, type MysqlStartup } from "./options.ts";
import { logPosition } from "./position.ts";
import { MysqlSource } from "./source.ts";

describe.each(mysqlFlavors)("a source of %s", (flavor) => {
  let server: SharedMysql;
  const sources: MysqlSource[] = [];

  beforeAll(async () => {
    server = await sharedMysql(flavor);
    await server.query("CREATE TABLE items (id BIGINT PRIMARY KEY, v TEXT)");
  });
  afterAll(async () => {
    for (const source of sources) await source.close();
    await server.release();
  });

  function sourceOf(more: Partial<MysqlSourceOptions> = {}, pipeline = "p"): MysqlSource {
    const { host: hostname, port, user: username, password, database } = server;
    const source = new MysqlSource(
      {
        ...MYSQL_SOURCE_DEFAULTS,
        hostname,
        port,
        username,
        password,
        matches: (schema) => schema === database,
        tablesText: database,
        ...more,
      },
      {
        pipeline: `${pipeline} ${database}`,
        clock: systemClock,
        random: Math.random,
        log: silentLogger,
      },
    );
    sources.push(source);
    return source;
  }

  const shapesOf = async (source: MysqlSource): Promise<TableShape[]> =>
    (await source.discover()).map(({ shape }) => shape);

  async function openAt(source: MysqlSource, from: Position): Promise<SourceLog> {
    const tables = new Map((await shapesOf(source)).map((shape) => [shape.id, shape]));
    return source.openLog({ from, tables, maxValueBytes: 1_000_000 });
  }

  /** Keys of the rows that a new pipeline is given. */
  async function idsFrom(startup: MysqlStartup): Promise<unknown[]> {
    const source = sourceOf({ startup });
    const { start } = await source.prepare(await shapesOf(source), null);
    const end = await source.logEnd();
    const ids: unknown[] = [];
    const log = await openAt(source, start);
    for (let at = start; source.comparePositions(at, end) < 0;) {
      const batch = await log.next();
      at = batch.position;
      ids.push(...batch.items.flatMap((item) => (item.kind === "change" ? [item.after?.[0]] : [])));
    }
    await log.close();
    return ids;
  }

  it("begins at an offset, behind GTIDs, at a time, in a later file too", async () => {
    const marks: { file: string; pos: number; gtidSet: string; timestampMs: number }[] = [];
    for (const id of [1, 2, 3]) {
      const { file, position: pos, gtids: gtidSet } = await server.binlogEnd();
      marks.push({ file, pos, gtidSet, timestampMs: Date.now() });
      // MariaDB's times are in seconds.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await server.query(`INSERT INTO items VALUES (${id}, 'x')`);
      if (id === 1) await server.query("FLUSH BINARY LOGS");
    }
    for (const [index, { file, pos, gtidSet, timestampMs }] of marks.entries()) {
      const rest = [1, 2, 3].slice(index);
      expect(await idsFrom({ mode: "specific-offset", file, pos })).toEqual(rest);
      expect(await idsFrom({ mode: "specific-offset", gtidSet })).toEqual(rest);
      expect(await idsFrom({ mode: "timestamp", timestampMs })).toEqual(rest);
    }
    expect(await idsFrom({ mode: "latest-offset" })).toEqual([]);
    await expect(
      idsFrom({ mode: "specific-offset", file: "binlog.999999", pos: 4 }),
    ).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    const others = flavor === "mysql" ? "0-1-7" : "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7";
    await expect(idsFrom({ mode: "specific-offset", gtidSet: others })).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      message: expect.stringContaining("is no set of GTIDs of") as string,
    });
  });

  it("knows what is prepared still where it begins in the past, or now", async () => {
    const name = `past ${server.database}`;
    const session = await server.connect();
    for (const sql of ["START", "END", "PREPARE"].map((verb) => `XA ${verb} '${name}'`))
      await session.query(
        sql.startsWith("XA END") ? `INSERT INTO items VALUES (90, 'x'); ${sql}` : sql,
      );
    await session.end();
    try {
      const { file, position: pos } = await server.binlogEnd();
      const xid = `X'${Buffer.from(name).toString("hex")}',X'',1`;
      for (const mode of ["specific-offset", "initial"] as const) {
        const startup = mode === "initial" ? { mode } : { mode, file, pos };
        const source = sourceOf({ startup });
        const { start } = await source.prepare(await shapesOf(source), null);
        expect(logPosition(start)[0].prepared ?? []).toContainEqual(
          expect.objectContaining({ xid }),
        );
      }
    } finally {
      // The server takes a moment to let it go from the session that prepared it.
      const ended = () =>
        server.query(`XA ROLLBACK '${name}'`).then(
          () => true,
          () => false,
        );
      await expect.poll(ended, { timeout: 60_000 }).toBe(true);
    }
  });

  it("knows what was executed before each place that it gives", async () => {
    const source = sourceOf();
    const { start } = await source.prepare(await shapesOf(source), null);
    await server.query("INSERT INTO items VALUES (10, 'x'); INSERT INTO items VALUES (11, 'x')");
    const end = await source.logEnd();
    const log = await openAt(source, start);
    let at = start;
    while (source.comparePositions(at, end) < 0) at = (await log.next()).position;
    await log.close();
    // Another run finds the same for the place alone.
    const [{ gtids, ...group }] = logPosition(at);
    const again = sourceOf();
    const prepared = await again.prepare(await shapesOf(again), [group, 0, 0]);
    expect(prepared.created).toBe(false);
    const reopened = await openAt(again, [group, 0, 0]);
    await server.query("INSERT INTO items VALUES (12, 'x')");
    // MariaDB writes events without a GTID also, such as those of its checkpoints: they move the place alone.
    const later = await again.logEnd();
    let behind: Position = [group, 0, 0];
    while (again.comparePositions(behind, later) < 0) behind = (await reopened.next()).position;
    const next = logPosition(behind)[0].gtids ?? "";
    await reopened.close();
    const isBehind = await server.query(
      flavor === "mysql" ? "SELECT GTID_SUBSET(?, ?) AS behind" : "SELECT ? <> ? AS behind",
      [gtids, next],
    );
    expect(gtids).not.toBe("");
    expect(isBehind).toEqual([{ behind: 1 }]);
  });

  it("refuses a user who may not read the log, or not the tables", async () => {
    const shapes = await shapesOf(sourceOf());
    const monitor = flavor === "mysql" ? "REPLICATION CLIENT" : "BINLOG MONITOR";
    for (const [grants, message] of [
      ["SELECT", /REPLICATION|BINLOG MONITOR/],
      [`REPLICATION SLAVE, ${monitor}`, /may not read|SELECT/],
    ] as const) {
      const { user: username, password } = await server.createUser({ grants });
      const source = sourceOf({ username, password });
      await expect(source.check(shapes, { toLoad: shapes })).rejects.toMatchObject({
        code: "MR_SOURCE_REFUSED",
        message: expect.stringMatching(message) as string,
      });
    }
  });

  it("ends an older reader of the same pipeline, which waits and says why", async () => {
    const [older, newer] = [sourceOf(), sourceOf()];
    const { start } = await older.prepare(await shapesOf(older), null);
    await newer.prepare(await shapesOf(newer), null);
    const first = await openAt(older, start);
    const ended = expect(
      (async () => {
        for (;;) await first.next();
      })(),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^MR_SOURCE_(SLOT_BUSY|LOST_CONNECTION)$/) as string,
    });
    // A dump that has begun to send is one that the server knows.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const second = await openAt(newer, start);
    await server.query("INSERT INTO items VALUES (20, 'x')");
    await ended;
    await second.close();
  });

  it("tells of a table that is gone though nobody reads its log", async () => {
    await server.query("CREATE TABLE gone (id INT PRIMARY KEY)");
    const source = sourceOf();
    const shapes = await shapesOf(source);
    const beings = async (carrier: string | null): Promise<unknown[]> => {
      const looked = shapes.map((shape) => ({ shape, standing: { carrier, parts: null } }));
      return (await source.look(looked)).map(({ id, being }) => `${id.split(".")[1]} ${being}`);
    };
    expect(await beings(null)).toEqual(["gone there", "items there"]);
    await server.query("DROP TABLE gone");
    expect(await beings(null)).toEqual(["gone gone", "items there"]);
    expect(await beings("log")).toEqual(["gone there", "items there"]);
  });
});
