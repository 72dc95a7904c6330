/**
 * The audit of a load. While a table is being loaded, the log is applied all the same, and rows that chunks read are
 * written among it, older and newer ones, any of them read again after a kill. So "once" is said of changes of the log:
 *
 * Per key, what the target's triggers saw is what `test_decoding` saw at the source, in its order, each change once;
 * a delete may be missing where no row was there to be deleted; and beside them there are at most as many rows as chunks
 * that read this key, each a version that the row once had. How often a key was read, the source's own log of statements
 * tells. Every row carries the number of its version, given by the source.
 */
import type pg from "pg";
import type { AuditedTable } from "./audit.ts";
import { quote } from "./postgres-dialect.ts";
import { fullName } from "./sample-table.ts";
import { textRows } from "./sql-session.ts";

/** What happened to one key: `+7` version 7 was put there, `-` the row was taken away. */
export type VersionHistory = ReadonlyMap<string, readonly string[]>;

/** Gives every row a version and every change another one. */
export async function beginVersions(
  source: pg.Client,
  tables: readonly AuditedTable[],
): Promise<void> {
  await source.query(`CREATE SEQUENCE versions;
    CREATE FUNCTION give_version() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.version := nextval('versions'); RETURN NEW; END $$`);
  for (const { table } of tables) {
    await source.query(`ALTER TABLE ${fullName(table)} ADD COLUMN version bigint;
      CREATE TRIGGER version BEFORE INSERT OR UPDATE ON ${fullName(table)}
        FOR EACH ROW EXECUTE FUNCTION give_version()`);
  }
}

/** What the witness's slot saw of one table. */
export function witnessedVersions(lines: readonly string[], one: AuditedTable): VersionHistory {
  const histories = new Map<string, string[]>();
  const note = (key: string, token: string): void => {
    const history = histories.get(key) ?? [];
    history.push(token);
    histories.set(key, history);
  };
  const prefix = `table ${one.table.schema}.${one.table.name}: `;
  for (const line of lines) {
    if (!line.startsWith(prefix)) continue;
    const [before = "", after = before] = line.slice(prefix.length).split(" new-tuple: ");
    const [from, to] = [numberIn(before, one.column), numberIn(after, one.column)];
    if (before.startsWith("DELETE:") || from !== to) note(from, "-");
    if (!before.startsWith("DELETE:")) note(to, `+${numberIn(after, "version")}`);
  }
  return histories;
}

/** A whole number of a line such as `INSERT: k[bigint]:1 version[bigint]:7`. */
function numberIn(text: string, column: string): string {
  const found = new RegExp(`(?:^|\\s)${column}\\[bigint\\]:(-?\\d+)`).exec(text)?.[1];
  if (found === undefined) throw new Error(`No ${quote(column)} in a line of the witness`);
  return found;
}

/** What the target's triggers wrote down about one table. */
export async function appliedVersions(
  target: pg.Client,
  { table }: AuditedTable,
): Promise<VersionHistory> {
  const rows = await textRows(
    target,
    "SELECT key, string_agg(sign || version, ' ' ORDER BY id) FROM audit.line WHERE name = $1 GROUP BY key",
    [table.name],
  );
  return new Map(rows.map(([key, tokens]) => [key ?? "", (tokens ?? "").split(" ")]));
}

/** A range of keys that a chunk read: above `from`, up to `to`. */
export interface ChunkRead {
  readonly from: bigint | null;
  readonly to: bigint | null;
}

/** The chunks of a table that the source's log tells of; it has to log statements. */
export function chunkReads(log: string, { table, column }: AuditedTable): readonly ChunkRead[] {
  const statements = log
    .split("\n")
    .filter((line) => line.includes("COPY (SELECT ") && line.includes(`${fullName(table)} AS t`));
  const bound = (line: string, operator: string): bigint | null => {
    const found = new RegExp(`${column}"? ${operator} '(-?\\d+)'`).exec(line)?.[1];
    return found === undefined ? null : BigInt(found);
  };
  return statements.map((line) => ({ from: bound(line, ">"), to: bound(line, "<=") }));
}

/** Keys whose histories cannot be explained, with both. */
export function unexplained(
  witnessed: VersionHistory,
  applied: VersionHistory,
  reads: readonly ChunkRead[],
): readonly string[] {
  const found: string[] = [];
  for (const key of new Set([...witnessed.keys(), ...applied.keys()])) {
    const log = witnessed.get(key) ?? [];
    const seen = applied.get(key) ?? [];
    const times = reads.filter((read) => covers(read, BigInt(key))).length;
    const extra = rowsBesideTheLog(log, seen);
    if (extra <= times) continue;
    found.push(
      `${key}: log ${log.join(" ")}; target ${seen.join(" ")}; read ${times} times; beside the log ${extra}`,
    );
  }
  return found;
}

const covers = ({ from, to }: ChunkRead, key: bigint): boolean =>
  (from === null || key > from) && (to === null || key <= to);

/**
 * The fewest rows that must have come from chunks if every change of the log was applied once and in order; infinite
 * where no way of reading what was seen has each of them once.
 */
function rowsBesideTheLog(log: readonly string[], seen: readonly string[]): number {
  // fewest[l]: after the seen ones so far and the first `l` of the log.
  let fewest = [0, ...log.map(() => Infinity)];
  let isThere = false;
  const skipDeletes = (row: number[]): number[] => {
    // A delete that met no row is not seen.
    for (const [index, token] of log.entries()) {
      if (token === "-" && !isThere)
        row[index + 1] = Math.min(row[index + 1] ?? Infinity, row[index] ?? Infinity);
    }
    return row;
  };
  fewest = skipDeletes(fewest);
  for (const token of seen) {
    const next = fewest.map((cost, index) => {
      const asChange = log[index - 1] === token ? (fewest[index - 1] ?? Infinity) : Infinity;
      const asChunkRow = token === "-" ? Infinity : cost + 1;
      return Math.min(asChange, asChunkRow);
    });
    isThere = token !== "-";
    fewest = skipDeletes(next);
  }
  return fewest[log.length] ?? Infinity;
}
