import { MillraceError } from "../../errors/millrace-error.ts";
import { childOf, parentOf } from "./foreign-keys.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";

/** A row that a statement has written: its key in the database, and the values before and after. */
export interface WrittenRow {
  readonly key: string;
  readonly before: { readonly v?: unknown } | undefined;
  readonly after: { readonly v?: unknown } | undefined;
}

/** A row's key in the database: `row/copy.t1/k0`. */
const ROW = /^row\/(.+)\.([^./]+)\/([^/]*)$/;

/**
 * Foreign keys as PostgreSQL checks them at the end of a statement. Both sides write an entry for the row that is pointed
 * at, as they would lock it: a snapshot does not see a child that comes, nor a parent that goes, at the same time.
 * @throws MillraceError MR_SINK_CONSTRAINT
 */
export function keepForeign(
  db: SinkDatabase,
  tx: SinkTransaction,
  rows: readonly WrittenRow[],
  write: number,
): void {
  for (const { key, before, after } of rows) {
    const why = isOrphan(db, tx, key, after) ?? leavesOrphans(db, tx, key, { before, after });
    if (why === null) continue;
    db.world.tell(() => `the sink refuses ${key}: ${why}`);
    throw new MillraceError("MR_SINK_CONSTRAINT", `(model) ${key}: ${why}`, { facts: { write } });
  }
}

/** Whether every row of the sink points at one that is there. */
export function areLinked(db: SinkDatabase, isSelf: boolean): boolean {
  return db.durableKeys("row/").every((key) => {
    const parent = parentKeyOf(key, db.durable(key) as WrittenRow["after"], isSelf);
    return parent === null || db.durable(parent) !== undefined;
  });
}

function isOrphan(
  db: SinkDatabase,
  tx: SinkTransaction,
  key: string,
  row: WrittenRow["after"],
): string | null {
  // A later row of the statement may have taken its place.
  if (row === undefined || db.read(tx, key) !== row) return null;
  const parent = parentKeyOf(key, row, db.foreign?.isSelf === true);
  if (parent === null) return null;
  db.write(tx, `foreign/${parent}`, key);
  return db.read(tx, parent) === undefined ? `${parent} is not there` : null;
}

function leavesOrphans(
  db: SinkDatabase,
  tx: SinkTransaction,
  key: string,
  { before, after }: Pick<WrittenRow, "before" | "after">,
): string | null {
  const [, schema = "", name = "", own = ""] = ROW.exec(key) ?? [];
  const child = childOf(name);
  if (child === null || before === undefined || after !== undefined) return null;
  if (db.read(tx, key) !== undefined) return null;
  db.write(tx, `foreign/${key}`, undefined);
  const names = db.foreign?.isSelf === true && name === "t0" ? [child, name] : [child];
  const left = names
    .flatMap((one) => db.keys(tx, `row/${schema}.${one}/`))
    .find((one) => (db.read(tx, one) as { readonly v?: unknown }).v === own);
  return left === undefined ? null : `${left} points at it`;
}

/** Under which key the row is that a row points at; null where it points at none. */
function parentKeyOf(key: string, row: WrittenRow["after"], isSelf: boolean): string | null {
  const [, schema = "", name = ""] = ROW.exec(key) ?? [];
  const parent = parentOf(name, isSelf);
  const value = row?.v;
  return parent === null || typeof value !== "string" ? null : `row/${schema}.${parent}/${value}`;
}
