import { expect, it } from "vitest";
import { mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { readLogEnd } from "./log-end.ts";
import { MYSQL_SOURCE_DEFAULTS } from "./options.ts";
import { preparedAt, preparedSince } from "./prepared-before.ts";
import { SourceServer } from "./source-server.ts";

it.each(mysqlFlavors)(
  "XA transactions of %s whose names come again before a log begins are known by their last time",
  async (flavor) => {
    await using mysql = await startMysql(flavor);
    const { host: hostname, port, user: username, password } = mysql;
    await mysql.query("CREATE TABLE items (id INT PRIMARY KEY)");
    const prepare = async (xid: string, id: number): Promise<void> => {
      await using session = await mysql.connect();
      for (const sql of [
        `XA START '${xid}'`,
        `INSERT INTO items VALUES (${id})`,
        `XA END '${xid}'`,
        `XA PREPARE '${xid}'`,
      ])
        await session.query(sql);
    };
    // The server takes a moment to let a transaction go from the session that prepared it.
    const commit = (xid: string): Promise<void> =>
      expect
        .poll(() => mysql.query(`XA COMMIT '${xid}'`).then(...yesOrNo), { timeout: 20_000 })
        .toBe(true);
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
    try {
      const log = { server, standing: await server.standing() };
      const quick = { clock: systemClock, withinMs: 0 };
      await prepare("stays", 1);
      await prepare("again", 2);
      const before = await preparedSince(log, quick);
      if (before === null) throw new Error("the server does not say what is prepared");
      await commit("again");
      await prepare("again", 3);
      await prepare("new", 4);
      const place = await server.control.use((session) => readLogEnd(session));
      const found = await preparedAt(log, before, { ...quick, place });
      const places = found.map(({ xid, file, at }) => [xid, file > 0 && at > before.since.at]);
      expect(places).toEqual([
        [nameOf("stays"), false],
        [nameOf("again"), true],
        [nameOf("new"), true],
      ]);
    } finally {
      await server.close();
    }
  },
  120_000,
);

const yesOrNo = [() => true, () => false] as const;

function nameOf(xid: string): string {
  return `X'${Buffer.from(xid).toString("hex")}',X'',1`;
}
