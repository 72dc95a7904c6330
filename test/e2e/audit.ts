/**
 * Counts what was really applied: triggers at a plain PostgreSQL target against what PostgreSQL's own `test_decoding`
 * saw at the source. A row that was applied twice leaves the same row, but two lines here.
 */
import type pg from "pg";
import { quote } from "./postgres-dialect.ts";
import { fullName, type SampleTable } from "./sample-table.ts";
import { textRows } from "./sql-session.ts";

/** What happened to keys of one table, in order: `+` a row was put under the key, `-` it was taken away. */
export type History = ReadonlyMap<string, string>;

/** A table and the whole-number column by which its rows are told apart. */
export interface AuditedTable {
  readonly table: SampleTable;
  readonly column: string;
}

const functionBody = `
  BEGIN
    IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR to_jsonb(OLD)->>TG_ARGV[1] IS DISTINCT FROM to_jsonb(NEW)->>TG_ARGV[1]) THEN
      INSERT INTO audit.line (name, key, sign, version) VALUES (TG_ARGV[0], to_jsonb(OLD)->>TG_ARGV[1], '-', '');
    END IF;
    IF TG_OP <> 'DELETE' THEN
      INSERT INTO audit.line (name, key, sign, version) VALUES (TG_ARGV[0], to_jsonb(NEW)->>TG_ARGV[1], '+', to_jsonb(NEW)->>'version');
    END IF;
    RETURN NULL;
  END`;

/** Lets the target write down everything that is applied from now on. */
export async function beginAudit(
  target: pg.Client,
  tables: readonly AuditedTable[],
): Promise<void> {
  await target.query("CREATE SCHEMA audit");
  await target.query(
    "CREATE TABLE audit.line (id bigserial PRIMARY KEY, name text, key text, sign text, version text)",
  );
  await target.query(
    // Whoever writes the row need not know the audit.
    `CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$${functionBody}$$`,
  );
  for (const { table, column } of tables) {
    await target.query(
      `CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ${fullName(table)}
       FOR EACH ROW EXECUTE FUNCTION audit.note('${table.name}', '${column}')`,
    );
  }
}

/** What the target has written down about a table. */
export async function appliedHistory(target: pg.Client, { table }: AuditedTable): Promise<History> {
  const rows = await textRows(
    target,
    "SELECT key, string_agg(sign, '' ORDER BY id) FROM audit.line WHERE name = $1 GROUP BY key",
    [table.name],
  );
  return new Map(rows.map(([key, signs]) => [key ?? "", signs ?? ""]));
}

/** Begins to remember at the source, by a slot of its own. */
export async function beginWitness(source: pg.Client, slot: string): Promise<void> {
  await textRows(source, "SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [slot]);
}

/** Every line that the witness has; the next call begins behind them. */
export async function witnessedLines(source: pg.Client, slot: string): Promise<readonly string[]> {
  const rows = await textRows(
    source,
    "SELECT data FROM pg_logical_slot_get_changes($1, NULL, NULL, 'include-xids', '0')",
    [slot],
  );
  return rows.map(([line]) => line ?? "");
}

/** What the witness saw of each table. */
export async function witnessedHistories(
  source: pg.Client,
  slot: string,
  tables: readonly AuditedTable[],
): Promise<ReadonlyMap<string, History>> {
  const lines = await witnessedLines(source, slot);
  const histories = new Map<string, Map<string, string>>();
  for (const line of lines) {
    for (const { table, column } of tables) {
      const history = histories.get(table.name) ?? new Map<string, string>();
      histories.set(table.name, history);
      const prefix = `table ${table.schema}.${table.name}: `;
      if (!line.startsWith(prefix)) continue;
      for (const [key, sign] of signsOf(
        line.slice(prefix.length),
        column,
        table.key.length === 0,
      )) {
        history.set(key, `${history.get(key) ?? ""}${sign}`);
      }
    }
  }
  return histories;
}

/**
 * Keys and signs of one line, such as `UPDATE: old-key: id[bigint]:1 new-tuple: id[bigint]:2 …`. A row without key is
 * taken away and put again when it changes.
 */
function signsOf(
  line: string,
  column: string,
  isKeyless: boolean,
): readonly (readonly [key: string, sign: string])[] {
  const [before = "", after] = line.split(" new-tuple: ");
  const keyIn = (text: string): string => {
    const found = new RegExp(`(?:^|\\s)${column}\\[bigint\\]:(-?\\d+)`).exec(text)?.[1];
    if (found === undefined) throw new Error(`No ${quote(column)} in a line of the witness`);
    return found;
  };
  if (line.startsWith("INSERT:")) return [[keyIn(line), "+"]];
  if (line.startsWith("DELETE:")) return [[keyIn(line), "-"]];
  if (after === undefined) return [[keyIn(line), "+"]];
  const [from, to] = [keyIn(before), keyIn(after)];
  return from === to && !isKeyless
    ? [[to, "+"]]
    : [
        [from, "-"],
        [to, "+"],
      ];
}

/** Keys whose histories differ, with both. */
export function compareHistories(witnessed: History, applied: History): readonly string[] {
  const keys = new Set([...witnessed.keys(), ...applied.keys()]);
  return [...keys]
    .filter((key) => witnessed.get(key) !== applied.get(key))
    .map(
      (key) =>
        `${key}: source ${witnessed.get(key) ?? "nothing"}, target ${applied.get(key) ?? "nothing"}`,
    )
    .toSorted();
}
