import { describe, expect, it } from "vitest";
import {
  mysqlFlavors,
  sharedMysql,
  type MysqlDatabase,
} from "../../../../../test/support/mysql.ts";
import type { Change, LogBatch, LogItem } from "../../model/change.ts";
import type { TableShape } from "../../model/table.ts";
import { openMysqlLog } from "./log.ts";
import { itemsShape, itemsSql, logOptions, startOf } from "./logged-items.fixture.ts";
import { comparePositions, type LogPosition, logPosition, positionText } from "./position.ts";

/** Reads the log from a position to its end as of the call, a batch per event: each is a place to begin again. */
async function readFrom(
  server: MysqlDatabase,
  from: LogPosition,
  shape: TableShape,
): Promise<LogBatch[]> {
  const end = await startOf(server);
  const log = await openMysqlLog({ ...logOptions(server, shape), batchBytes: 1 }, from);
  const batches: LogBatch[] = [];
  for (let at = from; comparePositions(at, end) < 0;) {
    const batch = await log.next();
    batches.push(batch);
    at = logPosition(batch.position);
  }
  await log.close();
  return batches;
}

/** The text of a place that must be there. */
function textOf({ position }: Change): string {
  return position === null ? "no place" : positionText(position);
}

const changes = (items: readonly LogItem[]): Change[] =>
  items.filter((item) => item.kind === "change");

const told = (items: readonly LogItem[]): unknown[] =>
  changes(items).map(({ op, before, after, movedFrom }) => [op, before, after, movedFrom !== null]);

const WRITES = `
  INSERT INTO others VALUES (1); INSERT INTO items VALUES (1, 'ä', -1), (2, NULL, 2), (3, 'c', 3);
  START TRANSACTION; UPDATE items SET n = n + 10; INSERT INTO others VALUES (2);
  UPDATE items SET id = 7 WHERE id = 3; DELETE FROM items WHERE id = 2; COMMIT;
  FLUSH BINARY LOGS; INSERT INTO items VALUES (8, 'after', 0)`;

/** Transactions in one event each; MariaDB compresses by settings of the server alone. */
const COMPRESSED = { mysql: "SET binlog_transaction_compression = ON", mariadb: "DO 0" } as const;

describe.each(mysqlFlavors)("the log of %s", (flavor) => {
  it("is told as changes in order, key changes in two places, each place of its own", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query(WRITES);
    const items = (await readFrom(server, from, itemsShape(server))).flatMap(
      (batch) => batch.items,
    );
    expect(told(items)).toEqual([
      ["c", null, [1, "ä", -1], false],
      ["c", null, [2, null, 2], false],
      ["c", null, [3, "c", 3], false],
      ["u", [1, "ä", -1], [1, "ä", 9], false],
      ["u", [2, null, 2], [2, null, 12], false],
      ["u", [3, "c", 3], [3, "c", 13], false],
      ["u", [3, "c", 13], [7, "c", 13], true],
      ["d", [2, null, 12], null, false],
      ["c", null, [8, "after", 0], false],
    ]);
    const places = changes(items).flatMap(({ movedFrom, position }) => [movedFrom, position]);
    const texts = places.filter((place) => place !== null).map(positionText);
    expect(texts).toEqual([...new Set(texts)].sort());
    const transactions = new Set(changes(items).map(({ transaction }) => transaction?.id));
    expect(transactions.size).toBe(3);
  });

  it("goes on at any place, inside of transactions too, with what comes behind it and nothing else", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(itemsSql);
    const from = await startOf(server);
    await server.query(`${COMPRESSED[flavor]}; ${WRITES}`);
    const shape = itemsShape(server);
    const all = await readFrom(server, from, shape);
    const items = all.flatMap((batch) => batch.items);
    const places = [
      ...all.map(({ position }) => position),
      ...changes(items).map(({ position }) => position),
    ].filter((place) => place !== null);
    for (const place of places) {
      // As it comes back from the sink.
      const position = logPosition(JSON.parse(JSON.stringify(place)) as LogPosition);
      const rest = await readFrom(server, position, shape);
      const behind = changes(items).filter(
        (change) => change.position !== null && comparePositions(change.position, position) > 0,
      );
      expect(told(rest.flatMap((batch) => batch.items))).toEqual(told(behind));
      const again = changes(rest.flatMap((batch) => batch.items)).map(textOf);
      expect(again).toEqual(behind.map(textOf));
    }
  });
});
