import { describe, expect, it } from "vitest";
import {
  type MysqlDatabase,
  type MysqlFlavor,
  mysqlFlavors,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import type { Change } from "../../model/change.ts";
import { Skimmed, type Value } from "../../model/value.ts";
import { openMysqlLog } from "./log.ts";
import { itemsShape, itemsSql, logOptions, startOf } from "./logged-items.fixture.ts";
import { comparePositions, type LogPosition, logPosition } from "./position.ts";

/** Everything from `from` to the end of the log as of the call. */
async function changesFrom(server: MysqlDatabase, from: LogPosition): Promise<Change[]> {
  const end = await startOf(server);
  const log = await openMysqlLog(logOptions(server, itemsShape(server)), from);
  const changes: Change[] = [];
  for (let at = from; comparePositions(at, end) < 0;) {
    const batch = await log.next();
    at = logPosition(batch.position);
    changes.push(...batch.items.filter((item) => item.kind === "change"));
  }
  await log.close();
  return changes;
}

const shown = (value: Value | undefined): unknown =>
  value instanceof Skimmed ? -value.bytes : typeof value === "string" ? value.length : value;

/** What puts rows into compressed events that are small, and hold large values. */
const COMPRESSED: Readonly<Record<MysqlFlavor, Readonly<Record<string, string>>>> = {
  mysql: { binlog_transaction_compression: "ON" },
  mariadb: { log_bin_compress: "ON", log_bin_compress_min_len: "10" },
};

describe.each(mysqlFlavors)("large rows in compressed events of %s", (flavor) => {
  it("are read as they come out, values beyond the limit as their size, and what is behind them too", async () => {
    const settings = { ...COMPRESSED[flavor], max_allowed_packet: "256M" };
    await using server = await startMysql(flavor, { settings });
    await server.query(itemsSql);
    const from = await startOf(server);
    // A noise of 1.5 MB, which no compression makes smaller than what is held at once.
    const noise =
      "(SELECT GROUP_CONCAT(SHA2(CONCAT(a.s, b.s), 512) SEPARATOR '') FROM seq a, seq b)";
    await server.query(
      `SET SESSION group_concat_max_len = 100000000; CREATE TABLE seq (s INT);
       INSERT INTO seq WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 110) SELECT i FROM n;
       INSERT INTO items VALUES (1, REPEAT('a', 3000000), 1), (2, 'b', 2), (3, REPEAT('c', 9000000), 3);
       UPDATE items SET n = 30 WHERE id = 3; UPDATE items SET v = REPEAT('d', 2000000) WHERE id = 2;
       INSERT INTO others VALUES (1); INSERT INTO items VALUES (4, ${noise}, 4); ALTER TABLE others ADD w LONGTEXT;
       INSERT INTO others VALUES (2, REPEAT('o', 6000000)); INSERT INTO others VALUES (3, ${noise});
       DELETE FROM items WHERE id = 1; INSERT INTO items VALUES (5, 'e', 5)`,
    );
    const changes = await changesFrom(server, from);
    const told = changes.map(({ op, before, after }) => [
      op,
      before?.map(shown) ?? null,
      after?.map(shown) ?? null,
    ]);
    expect(told).toEqual([
      ["c", null, [1, 3_000_000, 1]],
      ["c", null, [2, 1, 2]],
      ["c", null, [3, -9_000_000, 3]],
      ["u", [3, -9_000_000, 3], [3, -9_000_000, 30]],
      ["u", [2, 1, 2], [2, 2_000_000, 2]],
      ["c", null, [4, 1_548_800, 4]],
      ["d", [1, 3_000_000, 1], null],
      ["c", null, [5, 1, 5]],
    ]);
    // Inside, and behind what was large.
    for (const at of [1, 4]) {
      const place = changes[at]?.position ?? null;
      if (place === null) throw new Error("no place");
      const rest = await changesFrom(server, logPosition(place));
      expect(rest.map(({ after }) => after?.[0])).toEqual(
        changes.slice(at + 1).map(({ after }) => after?.[0]),
      );
    }
  });
});
