import type { TableShape } from "../packages/millrace/src/model/table.ts";
import { readShapes } from "../packages/millrace/src/sources/mysql/catalogue.ts";
import type { MysqlConnectionConfig } from "../packages/millrace/src/sources/mysql/config.ts";
import { openConnection } from "../packages/millrace/src/sources/mysql/connection.ts";

const TYPES = { tinyint1AsBoolean: true, timeAsInterval: false, geometry: "geojson" } as const;

/** The table `items` of a database as the catalogue has it. */
export async function shapeOfItems(
  connection: MysqlConnectionConfig,
  schema: string,
): Promise<TableShape> {
  const session = await openConnection(connection);
  const [shape] = await readShapes(session, [{ schema, name: "items" }], TYPES);
  await session.close();
  if (shape === undefined) throw new Error("the table is not there");
  return shape;
}
