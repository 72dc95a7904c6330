/**
 * A child's row shares its parent's key once it has committed (source CC, CT). PostgreSQL holds that against an older
 * snapshot that deletes the parent, and its lock is gone with the COMMIT. So the keys are remembered: who locked a parent
 * FOR UPDATE, or changed a key of it, asks here at its own COMMIT.
 */
import { identifier, readRow } from "../postgres/rows.ts";
import { isOwn, isSmall, rowsAt, type CommandRunner } from "../sizes/measure.ts";
import { tableName, type ForeignKeyFacts } from "../sizes/table-facts.ts";
import type { TableKey } from "./catalogue-versions.ts";
import { isHeld } from "./locked-rows.ts";

/** Keys of one parent, as the columns that they are in have them. */
export interface ReferencedKeySet {
  readonly parent: TableKey;
  /** The columns as an SQL row of the parent under the name `held`. */
  readonly key: string;
  /** Their texts. */
  readonly keys: readonly string[];
}

interface Remembered {
  /** By key text, the last COMMIT that shared it. */
  readonly commits: Map<string, number>;
  last: number;
}

/** One per cluster: keys by parent and columns, for as long as an older snapshot could be in use. */
export class ReferencedKeys {
  readonly #byParent = new Map<TableKey, Map<string, Remembered>>();

  /** Notes what the COMMIT of this number shares. `oldest` is the oldest snapshot in use. */
  note(sets: readonly ReferencedKeySet[], commit: number, oldest: number): void {
    for (const { parent, key, keys } of sets) {
      const byKey = this.#byParent.get(parent) ?? new Map<string, Remembered>();
      this.#byParent.set(parent, byKey);
      const known = byKey.get(key);
      const isWanted = known !== undefined && known.last > oldest;
      const remembered = isWanted ? known : { commits: new Map<string, number>(), last: commit };
      byKey.set(key, remembered);
      remembered.last = commit;
      for (const one of keys) remembered.commits.set(one, commit);
    }
  }

  /** The columns of a table of which a COMMIT behind this number has shared keys. */
  sharedSince(parent: TableKey, commit: number): readonly string[] {
    const byKey = this.#byParent.get(parent) ?? new Map<string, Remembered>();
    return [...byKey].filter(([, { last }]) => last > commit).map(([key]) => key);
  }

  /** Whether a COMMIT behind this number has shared a key. */
  isShared(parent: TableKey, key: string, text: string, commit: number): boolean {
    return (this.#byParent.get(parent)?.get(key)?.commits.get(text) ?? 0) > commit;
  }
}

/** A child table that the running transaction wrote rows to. */
export interface WrittenChild {
  readonly table: TableKey;
  readonly foreignKeys: readonly ForeignKeyFacts[];
  /** Where the rows are; undefined where that is not known. */
  readonly places: readonly string[] | undefined;
}

/** The parents' keys that the rows of the running transaction refer to. */
export async function keysReferredTo(
  runner: CommandRunner,
  { table, foreignKeys, places }: WrittenChild,
): Promise<readonly ReferencedKeySet[]> {
  if (places?.length === 0) return [];
  if (places === undefined && !(await isSmall(runner, table))) return [];
  const from =
    places === undefined
      ? `${tableName(table)} AS child WHERE ${isOwn("child")} AND`
      : `${rowsAt(table, places, "child")} WHERE`;
  const sets: ReferencedKeySet[] = [];
  for (const { parent, columns } of foreignKeys) {
    const own = columns.map(({ name }) => `child.${identifier(name)}`);
    const row = columns.map(({ type }, i) => `${own[i]}::${type}`).join(", ");
    const isThere = own.map((column) => `${column} IS NOT NULL`).join(" AND ");
    const found = await runner.command(`SELECT DISTINCT ROW(${row})::text FROM ${from} ${isThere}`);
    sets.push({ parent, key: keyOf(columns), keys: found.rows.map(textOf) });
  }
  return sets;
}

/** Whether the running transaction locks, or has written, a parent whose key a COMMIT behind its snapshot has shared. */
export async function holdsSharedParent(
  runner: CommandRunner,
  shared: ReferencedKeys,
  { table, snapshotCommits }: { readonly table: TableKey; readonly snapshotCommits: number },
): Promise<boolean> {
  const keys = shared.sharedSince(table, snapshotCommits);
  if (keys.length === 0 || !(await isSmall(runner, table))) return false;
  for (const key of keys) {
    const found = await runner.command(
      `SELECT ${key}::text FROM ${tableName(table)} AS held WHERE ${isOwn("held")} OR ${isHeld("held")}`,
    );
    const isShared = (text: string): boolean => shared.isShared(table, key, text, snapshotCommits);
    if (found.rows.map(textOf).some(isShared)) return true;
  }
  return false;
}

function keyOf(columns: ForeignKeyFacts["columns"]): string {
  return `ROW(${columns.map(({ parent }) => `held.${identifier(parent)}`).join(", ")})`;
}

function textOf(frame: Buffer): string {
  return readRow(frame)[0] ?? "";
}
