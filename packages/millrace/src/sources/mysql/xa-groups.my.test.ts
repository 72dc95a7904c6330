import { describe, expect, it } from "vitest";
import { type MysqlDatabase, mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";
import type { LogBatch } from "../../model/change.ts";
import type { TableShape } from "../../model/table.ts";
import { openMysqlLog } from "./log.ts";
import { itemsShape, itemsSql, logOptions, startOf } from "./logged-items.fixture.ts";
import { comparePositions, type LogPosition, logPosition } from "./position.ts";

/** Reads the log to its end as of the call, in batches of this weight: each is a place to begin again. */
async function readFrom(
  server: MysqlDatabase,
  from: LogPosition,
  batchBytes = 100_000,
): Promise<LogBatch[]> {
  const end = await startOf(server);
  const shape: TableShape = itemsShape(server);
  const log = await openMysqlLog({ ...logOptions(server, shape), batchBytes }, from);
  const batches: LogBatch[] = [];
  try {
    for (let at = from; comparePositions(at, end) < 0;) {
      const batch = await log.next();
      batches.push(batch);
      at = logPosition(batch.position);
    }
  } finally {
    await log.close();
  }
  return batches;
}

const told = (batches: readonly LogBatch[]): string[] =>
  batches
    .flatMap(({ items }) => items)
    .flatMap((item) =>
      item.kind === "change" ? [`${item.op} ${Number((item.after ?? item.before)?.[0])}`] : [],
    );

const endOf = (batches: readonly LogBatch[]): LogPosition =>
  logPosition(batches.at(-1)?.position ?? []);

/** A session of its own, as the branches of an application's transaction are; MySQL detaches it when it is prepared. */
async function run(server: MysqlDatabase, ...statements: readonly string[]): Promise<void> {
  const session = await server.connect();
  try {
    for (const statement of statements) await session.query(statement);
  } finally {
    await session.end();
  }
}

const prepared = (xid: string, ...statements: readonly string[]): readonly string[] => [
  `XA START ${xid}`,
  ...statements,
  `XA END ${xid}`,
  `XA PREPARE ${xid}`,
];
const many = (from: number, to: number) =>
  `INSERT INTO items WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT i, REPEAT('x', 1000), 0 FROM n`;

const COMPRESSED = {
  mysql: { binlog_transaction_compression: "ON" },
  mariadb: { log_bin_compress: "ON", log_bin_compress_min_len: "10" },
} as const;

describe.each(mysqlFlavors)("an XA transaction of %s", (flavor) => {
  it.each([
    ["", {}],
    [", compressed", COMPRESSED[flavor]],
  ])(
    "is told where it is committed, and not where it is prepared or rolled back%s",
    async (_how, settings) => {
      await using server = await startMysql(flavor, { settings });
      await server.query(itemsSql);
      const from = await startOf(server);
      await run(
        server,
        ...prepared("'one','b',7", many(100, 300), "INSERT INTO others VALUES (1)"),
      );
      await run(server, ...prepared("'two'", "INSERT INTO items VALUES (2, '', 0)"));
      await run(
        server,
        "XA START 'p'",
        "INSERT INTO items VALUES (3, '', 0)",
        "XA END 'p'",
        "XA COMMIT 'p' ONE PHASE",
      );
      await run(
        server,
        "XA START 'q'",
        many(1_000, 1_200),
        "XA END 'q'",
        "XA COMMIT 'q' ONE PHASE",
      );
      await server.query("INSERT INTO items VALUES (4, '', 0); FLUSH BINARY LOGS");
      const before = await readFrom(server, from);
      const onePhase = Array.from({ length: 201 }, (_, index) => `c ${1_000 + index}`);
      expect(told(before)).toEqual(["c 3", ...onePhase, "c 4"]);
      await server.query(
        "XA ROLLBACK 'two'; INSERT INTO items VALUES (5, '', 0); XA COMMIT 'one','b',7; INSERT INTO items VALUES (6, '', 0)",
      );
      const rows = Array.from({ length: 201 }, (_, index) => `c ${100 + index}`);
      // Whoever goes on knows where what was prepared is, and so does whoever has read all.
      const behind = await readFrom(server, endOf(before));
      expect(told(behind)).toEqual(["c 5", ...rows, "c 6"]);
      expect(told(await readFrom(server, from))).toEqual([...told(before), ...told(behind)]);
      expect(endOf(behind)[0].prepared).toBeUndefined();
    },
  );

  it("goes on at any place, with what comes behind it and nothing else", async () => {
    await using server = await startMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    const savepoints = ["SAVEPOINT a", "INSERT INTO items VALUES (9, '', 0)", "ROLLBACK TO a"];
    await run(
      server,
      ...prepared(
        "'x'",
        "INSERT INTO items VALUES (1, '', 0), (2, '', 0)",
        ...savepoints,
        "UPDATE items SET n = 1 WHERE id = 1",
        "INSERT INTO others VALUES (1)",
        "UPDATE items SET id = 7 WHERE id = 2",
      ),
    );
    await server.query(
      "INSERT INTO others VALUES (5); XA COMMIT 'x'; INSERT INTO items VALUES (6, '', 0)",
    );
    const all = await readFrom(server, from, 1);
    expect(told(all)).toEqual(["c 1", "c 2", "u 1", "u 7", "c 6"]);
    for (const [index, { position }] of all.entries()) {
      const rest = await readFrom(server, logPosition(position), 1);
      expect(told(rest)).toEqual(told(all.slice(index + 1)));
    }
  });

  it("has its rows where it was prepared before the log begins, as long as the server has that log", async () => {
    await using server = await startMysql(flavor);
    await server.query(itemsSql);
    const first = "INSERT INTO items VALUES (0, '', 0)";
    await run(server, ...prepared("'back'", "INSERT INTO items VALUES (2, '', 0)"));
    // A name may come again: what counts is what was prepared last.
    await run(server, ...prepared("'old'", first));
    await server.query("XA COMMIT 'old'; FLUSH BINARY LOGS");
    await run(server, ...prepared("'old'", many(100, 300), "INSERT INTO others VALUES (1)"));
    await run(server, ...prepared("'gone'", "INSERT INTO items VALUES (1, '', 0)"));
    await server.query("FLUSH BINARY LOGS");
    const from = await startOf(server);
    await server.query("XA ROLLBACK 'back'; INSERT INTO items VALUES (3, '', 0); XA COMMIT 'old'");
    const all = await readFrom(server, from);
    const rows = Array.from({ length: 201 }, (_, index) => `c ${100 + index}`);
    expect(told(all)).toEqual(["c 3", ...rows]);
    const cut = await readFrom(server, from, 1);
    for (const index of [1, Math.floor(cut.length / 2)])
      expect(told(await readFrom(server, logPosition(cut[index]?.position ?? [])))).toEqual(
        told(cut.slice(index + 1)),
      );
    const { file } = await server.binlogEnd();
    // Files that somebody reads stay: a dump that was ended a moment ago does.
    for (let files = 0; files !== 1;) {
      await server.query(`PURGE BINARY LOGS TO '${file}'`);
      files = (await server.query("SHOW BINARY LOGS")).length;
    }
    await server.query("XA COMMIT 'gone'");
    await expect(readFrom(server, endOf(all))).rejects.toMatchObject({
      code: "MR_SOURCE_UNREADABLE",
      detail: expect.stringContaining("prepared before") as string,
    });
  });
});
