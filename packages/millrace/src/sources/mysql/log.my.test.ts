import { describe, expect, it } from "vitest";
import {
  type MysqlDatabase,
  mysqlFlavors,
  sharedMysql,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import type { Change } from "../../model/change.ts";
import { Skimmed } from "../../model/value.ts";
import { fixedTables } from "./fixed-tables.fixture.ts";
import { openMysqlLog, type MysqlLogOptions } from "./log.ts";
import { itemsShape, itemsSql, logOptions, startOf } from "./logged-items.fixture.ts";
import { boundary, comparePositions, type LogPosition, logPosition } from "./position.ts";
import type { MysqlLog } from "./replication-log.ts";

function optionsFor(server: MysqlDatabase, more: Partial<MysqlLogOptions> = {}): MysqlLogOptions {
  return { ...logOptions(server, itemsShape(server)), ...more };
}

/** The changes up to the log's end as of the call, and the heaviest batch. */
async function readToEnd(
  log: MysqlLog,
  server: MysqlDatabase,
  from: LogPosition,
): Promise<{ readonly changes: Change[]; readonly most: number }> {
  const end = await startOf(server);
  const changes: Change[] = [];
  let most = 0;
  for (let at = from; comparePositions(at, end) < 0;) {
    const batch = await log.next();
    at = logPosition(batch.position);
    most = Math.max(most, batch.bytes);
    changes.push(...batch.items.filter((item) => item.kind === "change"));
  }
  return { changes, most };
}

function placeOf(change: Change | undefined): LogPosition {
  if (change?.position === null || change === undefined) throw new Error("no change there");
  return logPosition(change.position);
}

describe.each(mysqlFlavors)("the log of %s", (flavor) => {
  it("comes to the end of a file that has begun and holds nothing yet, before the server says that it waits", async () => {
    await using server = await startMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    const log = await openMysqlLog(optionsFor(server, { heartbeatMs: 600_000 }), from);
    await server.query("FLUSH BINARY LOGS");
    expect((await readToEnd(log, server, from)).changes).toEqual([]);
    await log.close();
  });

  it("ends with a fault of our own, which no other connection mends", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query("INSERT INTO items VALUES (1, 'a', 1)");
    const tables = fixedTables(() => {
      // A TypeError is known for our own wherever it is thrown; that this is none of a connection's knows only the log.
      throw new Error("no shape has columns");
    });
    const log = await openMysqlLog(optionsFor(server, { tables }), from);
    await expect(readToEnd(log, server, from)).rejects.toMatchObject({ code: "MR_BUG" });
  });

  it("gives rows of any size, values beyond the limit as their size, and goes on behind", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query(
      `INSERT INTO items VALUES (1, REPEAT('a', 300000), 1), (2, 'b', 2), (3, REPEAT('c', 5000000), 3);
       UPDATE items SET n = 30 WHERE id = 3; INSERT INTO items VALUES (4, 'd', 4)`,
    );
    const log = await openMysqlLog(optionsFor(server), from);
    const { changes } = await readToEnd(log, server, from);
    await log.close();
    const sizes = changes.map(({ op, after }) => {
      const text = after?.[1];
      return [
        op,
        after?.[0],
        text instanceof Skimmed ? -text.bytes : String(text).length,
        after?.[2],
      ];
    });
    expect(sizes).toEqual([
      ["c", 1, 300_000, 1],
      ["c", 2, 1, 2],
      ["c", 3, -5_000_000, 3],
      ["u", 3, -5_000_000, 30],
      ["c", 4, 1, 4],
    ]);
  });

  it("gives a large transaction in batches of bounded weight, compressed or not, and goes on inside it", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query(
      (flavor === "mysql" ? "SET binlog_transaction_compression = ON;" : "") +
        `INSERT INTO items WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)
         SELECT a.i * 1000 + b.i, REPEAT('x', 40), 7 FROM n a JOIN n b ON b.i <= 20`,
    );
    const log = await openMysqlLog(optionsFor(server), from);
    const { changes, most } = await readToEnd(log, server, from);
    await log.close();
    expect(changes).toHaveLength(18_000);
    expect(most).toBeLessThan(2_000_000);

    const middle = placeOf(changes[9_000]);
    const again = await openMysqlLog(optionsFor(server), middle);
    const rest = await readToEnd(again, server, middle);
    await again.close();
    expect(rest.changes.map(({ after }) => after?.[0])).toEqual(
      changes.slice(9_001).map(({ after }) => after?.[0]),
    );
  });

  // A session for each of them made MariaDB's log slower than 10,000 rows/s.
  it("opens no other session for transactions of a few batches", async () => {
    await using server = await startMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    const rows = (at: number) =>
      Array.from({ length: 150 }, (_, row) => `(${at * 150 + row}, REPEAT('x', 1000), 7)`);
    for (let at = 0; at < 10; at += 1)
      await server.query(`INSERT INTO items VALUES ${rows(at).join(", ")}`);
    const log = await openMysqlLog(optionsFor(server), from);
    const sessions = async (): Promise<number> => {
      const [row] = await server.query("SHOW GLOBAL STATUS LIKE 'Connections'");
      return Number(row?.["Value"]);
    };
    const before = await sessions();
    const { changes, most } = await readToEnd(log, server, from);
    // This test's own questions are sessions, too.
    expect(await sessions()).toBeLessThan(before + 10);
    await log.close();
    expect(changes.map(({ after }) => after?.[0])).toEqual(
      Array.from({ length: 1_500 }, (_, id) => id),
    );
    expect(most).toBeLessThan(150_000);
  });

  it("ends a read that waits when it is closed, and says why", async () => {
    await using server = await sharedMysql(flavor);
    const from = await startOf(server);
    const log = await openMysqlLog(optionsFor(server), from);
    const reading = (async () => {
      for (;;) await log.next();
    })();
    const told = expect(reading).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    await log.close();
    await told;
  });

  it("tells of a log that is gone as a loss", async () => {
    await using server = await startMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query("FLUSH BINARY LOGS; FLUSH BINARY LOGS");
    const { file } = await server.binlogEnd();
    // MariaDB keeps a file until the engine has no use for it.
    const kept = async (): Promise<unknown[]> => {
      await server.query(`PURGE BINARY LOGS TO '${file}'`);
      return server.query("SHOW BINARY LOGS");
    };
    await expect.poll(kept, { timeout: 60_000 }).toHaveLength(1);
    const lost = async (at: LogPosition): Promise<never> => {
      const log = await openMysqlLog(optionsFor(server), at);
      for (;;) await log.next();
    };
    await expect(lost(from)).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    const end = await startOf(server);
    const beyond = boundary({ ...end[0], at: end[0].at + 10_000 });
    await expect(lost(beyond)).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
  });

  it("goes on where it stood after the server was killed", async () => {
    await using server = await startMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query("INSERT INTO items VALUES (1, 'a', 1)");
    const log = await openMysqlLog(optionsFor(server), from);
    const { changes } = await readToEnd(log, server, from);
    const at = placeOf(changes[0]);
    await server.kill();
    await expect(
      (async () => {
        for (;;) await log.next();
      })(),
    ).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    await server.start();
    await server.query("INSERT INTO items VALUES (2, 'b', 2)");
    const again = await openMysqlLog(optionsFor(server), at);
    const rest = await readToEnd(again, server, at);
    await again.close();
    expect(rest.changes.map(({ after }) => after?.[0])).toEqual([2]);
  });

  it("moves on while nothing is written that it wants, and while nothing is written at all", async () => {
    await using server = await startMysql(flavor);
    const from = await startOf(server);
    const log = await openMysqlLog(optionsFor(server), from);
    await server.query("CREATE TABLE other (id INT PRIMARY KEY); INSERT INTO other VALUES (1)");
    const { changes } = await readToEnd(log, server, from);
    expect(changes).toEqual([]);
    const before = await startOf(server);
    await server.query("FLUSH BINARY LOGS");
    expect((await readToEnd(log, server, before)).changes).toEqual([]);
    await log.close();
  });

  it("gives up a server that is silent", async () => {
    await using server = await sharedMysql(flavor);
    const from = await startOf(server);
    // Heartbeats come later than the silence that is allowed.
    const log = await openMysqlLog(
      optionsFor(server, { heartbeatMs: 60_000, silenceTimeoutMs: 300 }),
      from,
    );
    const reading = (async () => {
      for (;;) await log.next();
    })();
    await expect(reading).rejects.toThrow(/said nothing|closed/);
  });
});
