import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { type Column, tableId, type TableShape } from "../../model/table.ts";
import { systemClock } from "../../model/ports.ts";
import { fixedTables } from "./fixed-tables.fixture.ts";
import type { MysqlLogOptions } from "./log.ts";
import { boundary, type LogPosition } from "./position.ts";
import { planRow } from "./row-plan.ts";
import { anyServerId, configOf } from "./told-events.fixture.ts";

/** The table that tests of the log write to. */
export const itemsSql =
  "CREATE TABLE items (id BIGINT PRIMARY KEY, v LONGTEXT CHARSET utf8mb4, n INT); CREATE TABLE others (id INT)";

const column = (name: string, type: LogicalType, sourceType: string): Column => ({
  name,
  type,
  sourceType,
  nullable: true,
  ordinal: null,
});

/** Its shape. */
export function itemsShape({ database }: MysqlDatabase): TableShape {
  return {
    id: tableId(database, "items"),
    schema: database,
    name: "items",
    identity: "items",
    columns: [
      column("id", { kind: "int", bits: 64 }, "bigint"),
      column("v", { kind: "text", maxChars: null }, "longtext character set utf8mb4"),
      column("n", { kind: "int", bits: 32 }, "int"),
    ],
    key: [0],
  };
}

/** The end of the log as a place to begin at. */
export async function startOf(server: MysqlDatabase): Promise<LogPosition> {
  const { file, position } = await server.binlogEnd();
  const number = Number(/\d+$/.exec(file)?.[0]);
  return boundary({ file: number, at: position, era: 1, n: 1, hash: 0 });
}

/** How tests open a log of which one table is wanted. */
export function logOptions(server: MysqlDatabase, shape: TableShape): MysqlLogOptions {
  return {
    clock: systemClock,
    connection: configOf(server),
    serverId: anyServerId(),
    uuid: crypto.randomUUID(),
    heartbeatMs: 200,
    silenceTimeoutMs: 60_000,
    batchBytes: 100_000,
    heldBytes: 250_000,
    limits: { maxValueBytes: 4_000_000, maxRowBytes: 16_000_000 },
    tables: fixedTables((map) =>
      map.schema === shape.schema && map.table === shape.name
        ? planRow(map, shape, { zeroDatesAreNull: false })
        : null,
    ),
  };
}
