import { describe, expect, it } from "vitest";
import { type MysqlDatabase, mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";
import { startMysqlReplica } from "../../../../../test/support/mysql-replica.ts";
import type { LogBatch } from "../../model/change.ts";
import { openMysqlLog } from "./log.ts";
import { itemsShape, itemsSql, logOptions, startOf } from "./logged-items.fixture.ts";
import { boundary, comparePositions, type LogPosition, logPosition } from "./position.ts";

/** Reads the log to its end as of the call, a batch per event. */
async function readFrom(server: MysqlDatabase, from: LogPosition): Promise<LogBatch[]> {
  const end = await startOf(server);
  const options = { ...logOptions(server, itemsShape(server)), batchBytes: 1 };
  const log = await openMysqlLog(options, from);
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
  batches.flatMap(({ items }) =>
    items.flatMap((item) =>
      item.kind === "change" ? [`${item.op} ${Number((item.after ?? item.before)?.[0])}`] : [],
    ),
  );

const WRITES = `START TRANSACTION;
  INSERT INTO items WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) SELECT i, REPEAT('x', 700), 0 FROM n;
  INSERT INTO others VALUES (1), (2); UPDATE items SET n = 1 WHERE id < 40; UPDATE items SET id = id + 1000 WHERE id > 50;
  INSERT INTO logged SELECT id, v, n FROM items WHERE id < 30; DELETE items, logged FROM items JOIN logged USING (id) WHERE id < 20; COMMIT`;
/** Its rows come between those of the table that has it. */
const TABLES = `${itemsSql}; CREATE TABLE logged (id BIGINT PRIMARY KEY, v LONGTEXT, n INT);
  CREATE TRIGGER more AFTER INSERT ON logged FOR EACH ROW INSERT INTO others VALUES (NEW.id)`;

/** Each costs a log. */
const CUT_EVERY = 7;
/** Both pack rows in another way. */
const PACKING = {
  mysql: [
    { binlog_row_event_max_size: "4096" },
    { binlog_row_event_max_size: "65536", binlog_transaction_compression: "ON" },
  ],
  mariadb: [{ binlog_row_event_max_size: "4096" }, { binlog_row_event_max_size: "65536" }],
} as const;

describe.each(mysqlFlavors)("rows of a transaction of %s", (flavor) => {
  it("have the same places at a replica, however it packs them: whoever was cut in the midst goes on there", async () => {
    const [one, other] = PACKING[flavor];
    await using first = await startMysql(flavor, { settings: one });
    await using second = await startMysqlReplica(first, { settings: other });
    await first.query(TABLES);
    await second.caughtUp();
    const [from, fromSecond] = [await startOf(first), await startOf(second)];
    await first.query(WRITES);
    await second.caughtUp();
    const all = await readFrom(first, from);
    const there = await readFrom(second, fromSecond);
    expect(told(there)).toEqual(told(all));
    expect(there.length).toBeLessThan(all.length);
    const group = there.find(({ items }) => items.length > 0)?.position;
    expect(group).toBeDefined();
    for (const [index, { position }] of all.entries()) {
      const [, run, row] = logPosition(position);
      if (run === 0 || index % CUT_EVERY !== 1) continue;
      const cut: LogPosition = [boundary(fromSecond[0])[0], run, row];
      expect(told(await readFrom(second, cut))).toEqual(told(all.slice(index + 1)));
    }
  });
});
