import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetChange, TargetIdentities } from "../../model/sink.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import {
  catalogueKey,
  catalogueOf,
  identityKey,
  rowPrefix,
  type Catalogue,
  type StoredRow,
} from "./sink-tables.ts";
import type { Process } from "./world.ts";

/** One DDL statement: a transaction of its own, without a fence. True when it could be done. */
type Statement = (db: SinkDatabase, tx: SinkTransaction) => void;

/** Columns of a target that the catalogue does not have as they should be; null where there is no such table. */
export function misfitsOf(db: SinkDatabase, table: TargetTable): string[] | null {
  const catalogue = catalogueOf(db, db.begin(), table);
  if (catalogue === undefined) return null;
  return table.columns.filter((c) => catalogue[c.name] !== c.type).map((c) => c.name);
}

/** CREATE TABLE IF NOT EXISTS, until the catalogue has it. */
export async function createTable(
  db: SinkDatabase,
  owner: Process,
  table: TargetTable,
): Promise<void> {
  while (catalogueOf(db, db.begin(), table) === undefined) {
    await run(db, owner, `create ${table.id}`, (_db, tx) => {
      if (catalogueOf(db, tx, table) !== undefined) return;
      const columns = Object.fromEntries(table.columns.map((c) => [c.name, c.type]));
      db.write(tx, catalogueKey(table), columns);
      db.write(tx, identityKey(table), String(tx.snapshot));
    });
  }
}

/** Which tables the targets are. */
export function identitiesOf(
  db: SinkDatabase,
  tables: readonly Pick<TargetTable, "id">[],
): TargetIdentities {
  const ids = tables.flatMap(({ id }) => {
    const identity = db.durable(identityKey({ id }));
    return typeof identity === "string" ? [[id, identity] as const] : [];
  });
  return { home: "1", ids: new Map(ids) };
}

/** Somebody drops a target that the pipeline has made, and perhaps makes one that looks like it. */
export function loseTarget(db: SinkDatabase, id: TableId, isMadeAnew: boolean): void {
  const tx = db.begin();
  for (const key of db.keys(tx, rowPrefix({ id }))) db.write(tx, key, undefined);
  db.write(tx, identityKey({ id }), isMadeAnew ? `anew ${tx.snapshot}` : undefined);
  if (!isMadeAnew) db.write(tx, catalogueKey({ id }), undefined);
  db.world.tell(() => `somebody drops ${id}${isMadeAnew ? ", and makes another one" : ""}`);
  db.apply({ name: "somebody", dead: false, frozen: false }, tx);
}

/**
 * Makes a change of shape true, one statement after another, each decided by the catalogue as it is then. False where
 * the answer to one was lost, which may still come.
 */
export async function applyTargetChange(
  db: SinkDatabase,
  owner: Process,
  change: TargetChange,
): Promise<boolean> {
  if (change.kind === "create") await createTable(db, owner, change.table);
  if (change.kind === "drop") await dropTable(db, owner, change);
  if (change.kind !== "alter") return true;
  let isAnswered = true;
  for (let steps = 0; steps < 50; steps++) {
    await db.world.step(owner, `looks at ${change.table.id}`);
    const catalogue = catalogueOf(db, db.begin(), change.table);
    if (catalogue === undefined)
      throw new MillraceError("MR_SINK_SCHEMA", `(model) ${change.table.id} is missing`);
    const next = nextStatement(catalogue, change);
    if (next === null) return isAnswered;
    isAnswered = (await run(db, owner, `alter ${change.table.id}`, next)) && isAnswered;
  }
  throw new Error("an ALTER that never ends");
}

/** ALTER TABLE … DROP COLUMN of all that was put away for a change. */
export async function dropPutAway(db: SinkDatabase, owner: Process, change: Alter): Promise<void> {
  const away = new Set([...change.drops, ...change.replaces].map((name) => awayOf(change, name)));
  await run(db, owner, `tidy ${change.table.id}`, (_db, tx) => {
    const catalogue = catalogueOf(db, tx, change.table);
    if (catalogue === undefined || !Object.keys(catalogue).some((name) => away.has(name))) return;
    const left = Object.entries(catalogue).filter(([name]) => !away.has(name));
    db.write(tx, catalogueKey(change.table), Object.fromEntries(left));
    for (const key of db.keys(tx, rowPrefix(change.table))) {
      const row = Object.entries(db.read(tx, key) as StoredRow);
      db.write(tx, key, Object.fromEntries(row.filter(([name]) => !away.has(name))));
    }
  });
}

/** The table is put away under a name that only this barrier uses: a task that comes later finds the name taken. */
async function dropTable(
  db: SinkDatabase,
  owner: Process,
  change: Extract<TargetChange, { kind: "drop" }>,
): Promise<void> {
  const away = `dropped/${change.tag}/${change.table.id}`;
  const isDone = (tx: SinkTransaction): boolean =>
    db.read(tx, away) !== undefined || catalogueOf(db, tx, change.table) === undefined;
  do {
    await db.world.step(owner, `looks at ${change.table.id}`);
    await run(db, owner, `drop ${change.table.id}`, (_db, tx) => {
      if (isDone(tx)) return;
      db.write(tx, away, true);
      db.write(tx, catalogueKey(change.table), undefined);
      db.write(tx, identityKey(change.table), undefined);
      for (const key of db.keys(tx, rowPrefix(change.table))) db.write(tx, key, undefined);
    });
  } while (!isDone(db.begin()));
}

type Alter = Extract<TargetChange, { kind: "alter" }>;

const awayOf = ({ tag }: Alter, name: string): string => `_dropped_${tag}_${name}`;

function nextStatement(catalogue: Catalogue, change: Alter): Statement | null {
  const has = (name: string) => catalogue[name] !== undefined;
  const dropped = change.drops.find((name) => has(name) && !has(awayOf(change, name)));
  if (dropped !== undefined) return rename(change, dropped, awayOf(change, dropped));
  const renamed = change.renames.find(({ from, to }) => has(from) && !has(to));
  if (renamed !== undefined) return rename(change, renamed.from, renamed.to);
  const replaced = change.replaces.find((name) => {
    const wanted = change.table.columns.find((c) => c.name === name)?.type;
    return has(name) && catalogue[name] !== wanted && !has(awayOf(change, name));
  });
  if (replaced !== undefined) return rename(change, replaced, awayOf(change, replaced));
  const missing = change.table.columns.find((c) => !has(c.name));
  return missing === undefined ? null : add(change, missing.name, missing.type);
}

/** ALTER TABLE … RENAME COLUMN; fails where the name is taken or the column gone. */
function rename(change: Alter, from: string, to: string): Statement {
  return (db, tx) => {
    const catalogue = catalogueOf(db, tx, change.table);
    const type = catalogue?.[from];
    if (catalogue === undefined || type === undefined || catalogue[to] !== undefined) return;
    const { [from]: _gone, ...rest } = catalogue;
    db.write(tx, catalogueKey(change.table), { ...rest, [to]: type });
    for (const key of db.keys(tx, rowPrefix(change.table))) {
      const { [from]: value, ...others } = db.read(tx, key) as StoredRow;
      db.write(tx, key, { ...others, [to]: value ?? null });
    }
  };
}

function add(change: Alter, name: string, type: string): Statement {
  return (db, tx) => {
    const catalogue = catalogueOf(db, tx, change.table);
    if (catalogue === undefined || catalogue[name] !== undefined) return;
    db.write(tx, catalogueKey(change.table), { ...catalogue, [name]: type });
  };
}

/** The statement's snapshot is taken when it runs; what it was decided by may be older. False where no answer came. */
async function run(
  db: SinkDatabase,
  owner: Process,
  label: string,
  statement: Statement,
): Promise<boolean> {
  try {
    await db.statement(owner, label, (tx) => statement(db, tx));
    return true;
  } catch (thrown) {
    // Whatever became of it, the catalogue is looked at again.
    if (!(thrown instanceof MillraceError)) throw thrown;
    return thrown.class !== "unknown-outcome";
  }
}
