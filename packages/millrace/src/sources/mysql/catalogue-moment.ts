import { MillraceError } from "../../errors/millrace-error.ts";
import { tableId, type TableId } from "../../model/table.ts";
import { type CatalogueName, readShapes } from "./catalogue.ts";
import { errnoOf } from "./connection-error.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { placed, reconciled } from "./kept-shape.ts";
import { quote } from "./key-column.ts";
import { readLogEnd, type Session } from "./log-end.ts";
import type { LogGroup } from "./position.ts";
import type { LogOffset } from "./transaction-id.ts";
import type { TypeOptions } from "./types.ts";

/** What a table was at one moment. */
export interface TableMoment {
  /** Null where it is gone. */
  readonly shape: MysqlShape | null;
  /** Every change of the shape that the log has before here is in it, and none behind. */
  readonly end: LogOffset;
}

/** The server's errors for a table that is not there. */
const NO_SUCH_TABLE = new Set([1146, 1049]);
/** Tables whose locks are held at once. */
const TABLES_AT_ONCE = 100;

/**
 * Reads shapes, and for each the place of the log from which on they hold. Reading alone is no moment: DDL is in the log before
 * the catalogue has it (MySQL), or behind (MariaDB). So a row is asked for, which takes the lock of whoever reads a table
 * until the transaction ends: as long as it is held, no DDL of the table is anywhere between. Who finds none has waited for
 * everybody who was about to make or drop it, so that the log's end of before holds: what was made since is told behind it.
 * @throws MillraceError
 */
export async function readMoment(
  session: Session,
  tables: readonly CatalogueName[],
  types: TypeOptions,
): Promise<ReadonlyMap<TableId, TableMoment>> {
  const moments: [TableId, TableMoment][] = [];
  for (let at = 0; at < tables.length; at += TABLES_AT_ONCE)
    moments.push(...(await readPart(session, tables.slice(at, at + TABLES_AT_ONCE), types)));
  return new Map(moments);
}

async function readPart(
  session: Session,
  tables: readonly CatalogueName[],
  types: TypeOptions,
): Promise<[TableId, TableMoment][]> {
  // A table that is not there cannot be held: what is made behind this place is in the log, and not in the look.
  const before = await readLogEnd(session);
  await session.query("START TRANSACTION READ ONLY");
  try {
    const there: CatalogueName[] = [];
    for (const table of tables) if (await isLocked(session, table)) there.push(table);
    const shapes = await readShapes(session, there, types);
    const end = await readLogEnd(session);
    const byId = new Map(shapes.map((shape) => [shape.id, shape]));
    for (const { schema, name } of there)
      if (!byId.has(tableId(schema, name))) throw unreadable(tableId(schema, name));
    return tables.map(({ schema, name }) => {
      const id = tableId(schema, name);
      const shape = byId.get(id);
      return [id, shape === undefined ? { shape: null, end: before } : { shape, end }];
    });
  } finally {
    await session.query("COMMIT");
  }
}

/** False where it is gone. */
async function isLocked(session: Session, { schema, name }: CatalogueName): Promise<boolean> {
  try {
    await session.query(`SELECT 1 FROM ${quote(schema)}.${quote(name)} LIMIT 0`);
    return true;
  } catch (error) {
    if (NO_SUCH_TABLE.has(errnoOf(error) ?? 0)) return false;
    throw error;
  }
}

function unreadable(table: TableId): MillraceError {
  return new MillraceError(
    "MR_SOURCE_REFUSED",
    `${table} has a column of a type that is not known, or is no table any more`,
    { facts: { table }, remedy: "Leave it out with tables.exclude." },
  );
}

/** A shape of the catalogue, for the table that is known, with its place in the log. */
export function certainFrom(
  { shape, end }: TableMoment,
  known: MysqlShape | null,
  era: number,
): { readonly shape: MysqlShape | null; readonly until: LogOffset } {
  const group: LogGroup = { ...end, era, n: null, hash: null };
  return {
    shape: shape === null ? null : placed(reconciled(shape, known), group, 0),
    until: end,
  };
}

/** The moment of a table that was looked at. */
export function momentOf(moments: ReadonlyMap<TableId, TableMoment>, table: TableId): TableMoment {
  const moment = moments.get(table);
  if (moment === undefined) throw new MillraceError("MR_BUG", `${table} was not looked at`);
  return moment;
}
