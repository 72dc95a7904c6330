/** What the driver and the oracle do with both servers, before anything of ours is in between. */
import { once } from "node:events";
import ZongJi, { type WriteRowsEvent } from "@vlasky/zongji";
import mysql from "mysql2/promise";
import { describe, expect, it } from "vitest";
import { mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";

describe.each(mysqlFlavors)("mysql2 and the oracle on %s", (flavor) => {
  it("log in as a reader, see where the log ends, and read rows from there", async () => {
    // A server of its own: the oracle ends at events of other tests that it cannot decode (partial JSON).
    await using server = await startMysql(flavor);
    const reader = await server.createUser();
    await using session = await mysql.createConnection(reader.url);
    const status = flavor === "mysql" ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
    const [[end]] = await session.query<mysql.RowDataPacket[]>(status);
    expect(end).toMatchObject({ File: expect.stringMatching(/\.\d{6}$/) });

    const { host, port } = server;
    const log = new ZongJi({ host, port, user: reader.user, password: reader.password });
    try {
      const rows: unknown[] = [];
      log.on("binlog", (event) => {
        if (event.getTypeName() === "WriteRows") rows.push(...(event as WriteRowsEvent).rows);
      });
      const ready = once(log, "ready");
      log.start({
        serverId: 4_000_000_000 + Math.floor(Math.random() * 1_000_000),
        filename: String(end?.["File"]),
        position: Number(end?.["Position"]),
        includeEvents: ["tablemap", "writerows"],
        includeSchema: { [server.database]: ["kept"] },
      });
      await ready;
      await server.query("CREATE TABLE kept (id INT PRIMARY KEY, note TEXT)");
      await server.query("INSERT INTO kept VALUES (1, 'ä')");
      await expect.poll(() => rows, { timeout: 60_000 }).toEqual([{ id: 1, note: "ä" }]);
    } finally {
      log.stop();
    }
  });
});
