import { describe, expect, it } from "vitest";
import {
  mysqlFlavors,
  sharedMysql,
  type MysqlDatabase,
} from "../../../../../test/support/mysql.ts";
import type { Change, LogBatch, LogItem } from "../../model/change.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { tableId, type Column, type TableShape } from "../../model/table.ts";
import { openDump } from "./binlog-dump.ts";
import { Framing } from "./event-reader.ts";
import { EventType } from "./event-types.ts";
import { bodyOf, payloadEvents } from "./payload.ts";
import {
  boundary,
  comparePositions,
  logPosition,
  type LogPosition,
  positionText,
} from "./position.ts";
import { planRow } from "./row-plan.ts";
import { anyServerId, configOf } from "./told-events.fixture.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";

const column = (name: string, type: LogicalType, sourceType: string): Column => ({
  name,
  type,
  sourceType,
  nullable: true,
  ordinal: null,
});

function itemsShape({ database }: MysqlDatabase): TableShape {
  return {
    id: tableId(database, "items"),
    schema: database,
    name: "items",
    identity: "items",
    columns: [
      column("id", { kind: "int", bits: 64 }, "bigint"),
      column("v", { kind: "text", maxChars: 50 }, "varchar(50) character set utf8mb4"),
      column("n", { kind: "int", bits: 32 }, "int"),
    ],
    key: [0],
  };
}

/** Reads the log from a position to its end as of the call. */
async function readFrom(
  server: MysqlDatabase,
  from: LogPosition,
  shape: TableShape,
): Promise<LogBatch[]> {
  const { file, position: at } = await server.binlogEnd();
  const end = boundary({ ...from[0], file: numberOf(file), at });
  const { connection, reader } = await openDump(configOf(server), {
    start: {
      fileName: file.replace(/\d+$/, String(from[0].file).padStart(6, "0")),
      at: from[0].at,
    },
    serverId: anyServerId(),
    uuid: crypto.randomUUID(),
    heartbeatMs: 200,
  });
  const assembler = new TransactionAssembler({
    reader,
    from,
    flavor: server.flavor,
    maxValueBytes: 1_000_000,
    tables: {
      planOf: (map) =>
        map.schema === shape.schema && map.table === shape.name
          ? planRow(map, shape, { zeroDatesAreNull: false })
          : null,
      statement: () => undefined,
    },
  });
  const batches: LogBatch[] = [];
  try {
    for (let position: LogPosition = from; comparePositions(position, end) < 0;) {
      const framing = reader.advance();
      if (framing === Framing.MORE) {
        await reader.fill();
        continue;
      }
      assembler.feed(reader);
      // A batch per event: each is a place to begin again.
      take(assembler, batches);
      if (reader.type === EventType.TRANSACTION_PAYLOAD)
        for await (const inner of payloadEvents(bodyOf(reader, framing))) {
          assembler.feedInner(inner);
          take(assembler, batches);
        }
      position = logPosition(batches.at(-1)?.position ?? from);
    }
    return batches;
  } finally {
    connection.destroy();
  }
}

function take(assembler: TransactionAssembler, batches: LogBatch[]): void {
  const batch = assembler.take();
  if (batch !== null) batches.push(batch);
}

/** The text of a place that must be there. */
function textOf({ position }: Change): string {
  return position === null ? "no place" : positionText(position);
}

function numberOf(file: string): number {
  return Number(/\d+$/.exec(file)?.[0]);
}

const changes = (items: readonly LogItem[]): Change[] =>
  items.filter((item) => item.kind === "change");

const told = (items: readonly LogItem[]): unknown[] =>
  changes(items).map(({ op, before, after, movedFrom }) => [op, before, after, movedFrom !== null]);

async function startOf(server: MysqlDatabase): Promise<LogPosition> {
  const { file, position } = await server.binlogEnd();
  return boundary({ file: numberOf(file), at: position, era: 1, n: 1, hash: 0 });
}

const WRITES = `
  INSERT INTO other VALUES (1); INSERT INTO items VALUES (1, 'ä', -1), (2, NULL, 2), (3, 'c', 3);
  START TRANSACTION; UPDATE items SET n = n + 10; INSERT INTO other VALUES (2);
  UPDATE items SET id = 7 WHERE id = 3; DELETE FROM items WHERE id = 2; COMMIT;
  FLUSH BINARY LOGS; INSERT INTO items VALUES (8, 'after', 0)`;

/** Transactions in one event each; MariaDB compresses by settings of the server alone. */
const COMPRESSED = { mysql: "SET binlog_transaction_compression = ON", mariadb: "DO 0" } as const;

describe.each(mysqlFlavors)("the log of %s", (flavor) => {
  it("is told as changes in order, key changes in two places, each place of its own", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE items (id BIGINT PRIMARY KEY, v VARCHAR(50) CHARSET utf8mb4, n INT); CREATE TABLE other (id INT)",
    );
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
    await server.query(
      "CREATE TABLE items (id BIGINT PRIMARY KEY, v VARCHAR(50) CHARSET utf8mb4, n INT); CREATE TABLE other (id INT)",
    );
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
