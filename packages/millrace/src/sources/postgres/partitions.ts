import type { Json } from "../../model/position.ts";
import { tableId } from "../../model/table.ts";
import type { Queryable } from "./catalogue.ts";
import { fateOfRows, type FileRow, hasRow } from "./table-file.ts";

/** A leaf of a partitioned table, as far as it tells whether rows came or went with it. */
export interface Leaf {
  readonly oid: string;
  /** The file that holds its rows: TRUNCATE gives it another one, and so does whatever writes the table anew. */
  readonly file: string;
  /** See {@link TableFile.toast}; absent in what earlier versions kept. */
  readonly toast?: string;
  /** The transactions that attached it, and what lies between it and the root. */
  readonly joined: readonly string[];
  /** Every transaction below this had ended when the leaf was seen so. */
  readonly seen: string;
}

/** What became of the rows of a partitioned table's leaves without row events. */
export type LeafVerdict = "same" | "fewer" | "more";

interface LeafRow extends FileRow {
  /** See {@link Leaf.joined}. */
  readonly joined: readonly string[];
  readonly root: string;
  /** Made as what it is ({@link MADE_WITHIN}), and so was what lies between it and the root: no row is older than its place. */
  readonly made: boolean;
  /** Why none of its changes is in the log: `unlogged` or `a foreign table`. Null where they are. */
  readonly unheard: string | null;
}

/**
 * Whether a relation was made by CREATE TABLE … PARTITION OF and never left its place since: it has a column that was
 * inherited as its row in `pg_attribute` was written, together with those of the system's columns. ATTACH and DETACH write
 * the rows of all columns anew; an ALTER, a default or a constraint only those that they are about, so that one is enough.
 * Who deletes a row and gives that up writes over its `cmin`, and leaves its `xmax`. What was unlogged at first has another
 * file since it is logged.
 */
const MADE_WITHIN = `EXISTS (
  SELECT FROM pg_catalog.pg_attribute a, pg_catalog.pg_attribute s, pg_catalog.pg_class l
  WHERE a.attrelid = i.inhrelid AND a.attnum > 0 AND a.attinhcount = 1 AND NOT a.attislocal AND NOT a.attisdropped
    AND s.attrelid = a.attrelid AND s.attname = 'ctid' AND s.attnum < 0 AND a.xmin = s.xmin AND a.cmin = s.cmin
    AND a.xmax = '0'::xid AND s.xmax = '0'::xid AND l.oid = a.attrelid AND l.relpersistence = 'p'
    AND l.relfilenode IN (0, l.oid))`;

/**
 * The leaves of partitioned tables, by root; a table that is not partitioned has none. Read from `pg_inherits` and not
 * by `pg_partition_tree`, which locks every leaf and would wait behind whoever has one.
 */
export async function readLeaves(
  client: Queryable,
  roots: readonly string[],
): Promise<ReadonlyMap<string, readonly LeafRow[]>> {
  const { rows } = await client.query<LeafRow>(
    `WITH RECURSIVE tree(root, relid, joined, made) AS (
       SELECT c.oid, c.oid, '{}'::text[], true FROM pg_catalog.pg_class c
       WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'p'
       UNION ALL
       SELECT t.root, i.inhrelid, t.joined || i.xmin::text, t.made AND ${MADE_WITHIN} FROM tree t
         JOIN pg_catalog.pg_inherits i ON i.inhparent = t.relid
       WHERE COALESCE(pg_catalog.to_jsonb(i) ->> 'inhdetachpending', 'false') = 'false')
     SELECT t.root::text AS root, c.oid::text AS oid, n.nspname AS schema, c.relname AS name,
       c.relfilenode::text AS file, c.reltoastrelid::text AS toast, t.joined AS joined, t.made AS made,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS seen,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable,
       CASE WHEN c.relkind = 'f' THEN 'a foreign table' WHEN c.relpersistence <> 'p' THEN 'unlogged' END AS unheard
     FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.relid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind <> 'p' ORDER BY c.oid`,
    [roots],
  );
  return Map.groupBy(rows, (row) => row.root);
}

/** What a table has in common with one of its leaves whose changes are in no log, as what follows its name; null without such a leaf. */
export function unheardLeaf(
  leaves: readonly LeafRow[],
): { readonly what: string; readonly leaf: LeafRow } | null {
  const leaf = leaves.find(({ unheard }) => unheard !== null);
  if (leaf === undefined) return null;
  const { schema, name, unheard } = leaf;
  return { what: `has a partition that is ${unheard}, ${tableId(schema, name)}`, leaf };
}

/** What a table's document keeps of its leaves: one text each, for there may be thousands. */
export function storedLeaves(leaves: readonly LeafRow[]): Json {
  return leaves.map(
    ({ oid, file, joined, seen, toast }) => `${oid} ${file} ${seen} ${joined.join(",")} ${toast}`,
  );
}

/** The other way; null where nothing was kept yet. */
export function leavesOf(stored: Json | null): ReadonlyMap<string, Leaf> | null {
  if (!Array.isArray(stored)) return null;
  return new Map(
    stored.map((text) => {
      const [oid = "", file = "", seen = "", joined = "", toast] = String(text).split(" ");
      const leaf = { oid, file, seen, joined: joined.split(",") };
      return [oid, toast === undefined ? leaf : { ...leaf, toast }];
    }),
  );
}

/** What a look at the leaves of one table found. */
export interface LeafLook {
  readonly verdict: LeafVerdict;
  /** The leaves as they are now. */
  readonly parts: Json;
  /** Leaves came or went or changed their file, whether with rows or not. */
  readonly moved: boolean;
}

/**
 * Compares the leaves with those that are known. A leaf that was made as one, or came empty, changes nothing, for every row
 * in it came by the log; one that lost its file to VACUUM FULL, CLUSTER or an ALTER still has rows from before.
 */
export async function lookAtLeaves(
  client: Queryable,
  known: ReadonlyMap<string, Leaf>,
  now: readonly LeafRow[],
): Promise<LeafLook> {
  const verdicts: LeafVerdict[] = [];
  let moved = false;
  for (const leaf of now) {
    const before = known.get(leaf.oid);
    if (before !== undefined && before.joined.join() === leaf.joined.join()) {
      if (before.file === leaf.file) continue;
      moved = true;
      const fate = await fateOfRows(client, leaf, before);
      if (fate !== "kept") verdicts.push(fate === "rewritten" ? "more" : "fewer");
      continue;
    }
    moved = true;
    // It was another leaf before, whose rows may be gone: it left and came back.
    if (before !== undefined) verdicts.push("fewer");
    if (!leaf.made && (await broughtRows(client, leaf))) verdicts.push("more");
  }
  const here = new Set(now.map(({ oid }) => oid));
  if ([...known.keys()].some((oid) => !here.has(oid))) verdicts.push("fewer");
  moved ||= known.size !== here.size;
  return { verdict: worst(verdicts), parts: storedLeaves(now), moved };
}

function worst(verdicts: readonly LeafVerdict[]): LeafVerdict {
  if (verdicts.includes("more")) return "more";
  return verdicts.includes("fewer") ? "fewer" : "same";
}

/**
 * Rows that were in the table when it was attached are in no log of the root. All others are of later transactions;
 * but a row with a greater id may be of a subtransaction of the one that attached it, and only commit timestamps
 * (`track_commit_timestamp`) tell.
 */
async function broughtRows(client: Queryable, leaf: LeafRow): Promise<boolean> {
  const { rows } = await client.query<{ newest: string; timed: boolean }>(
    `SELECT x AS newest, pg_catalog.current_setting('track_commit_timestamp')::bool AS timed
     FROM pg_catalog.unnest($1::text[]) x ORDER BY pg_catalog.age(x::xid) LIMIT 1`,
    [leaf.joined],
  );
  const { newest = "", timed = false } = rows[0] ?? {};
  const where = timed
    ? `pg_catalog.age(l.xmin) >= pg_catalog.age($1::text::xid) OR pg_catalog.pg_xact_commit_timestamp(l.xmin)
         IS NOT DISTINCT FROM pg_catalog.pg_xact_commit_timestamp($1::text::xid)`
    : "$1::text IS NOT NULL";
  return hasRow(client, leaf, { where, parameters: [newest], unknown: true });
}
