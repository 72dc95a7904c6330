import type { TableShape } from "../../model/table.ts";
import { tableChanged, tableGone } from "../../tables/changed-table.ts";
import type { Queryable } from "./catalogue.ts";
import { sqlStateOf } from "./connection-error.ts";
import { quote, readTablePlan, type TablePlan } from "./table-plan.ts";

/**
 * The files of a table or of all its leaves, as one number: a rewrite (ALTER TYPE, TRUNCATE, VACUUM FULL) changes it.
 */
const FILES = `
(SELECT pg_catalog.hashtextextended(
   pg_catalog.string_agg(l.oid::text || ':' || l.relfilenode::text, ' ' ORDER BY l.oid), 0)::text
 FROM (SELECT c.oid AS relid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p) part
   JOIN pg_catalog.pg_class l ON l.oid = part.relid)`;

/** Changes with every DDL that could make a plan wrong: the rows of the catalogue are written anew. */
const STAMP_SQL = `
SELECT n.nspname AS schema, c.relname AS name, ${FILES} AS files,
  pg_catalog.concat_ws('|', c.xmin, n.xmin, (
    SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', a.attnum, a.xmin, t.xmin), ' ' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0
  )) AS stamp
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`;

const FILES_SQL = `SELECT ${FILES} AS files FROM pg_catalog.pg_class c WHERE c.oid = $1::oid`;

const UNDEFINED_TABLE = "42P01";
/** A plan's name may be old once; that it is wrong again right after means that renames are going on. */
const ATTEMPTS = 2;

interface Stamp {
  readonly schema: string;
  readonly name: string;
  readonly files: string;
  readonly stamp: string;
}

/** A plan, and the stamp that the catalogue had when it was made. */
interface Known {
  readonly plan: TablePlan;
  readonly stamp: string;
}

/**
 * Makes tables safe to read in an old snapshot, and says how to name them.
 *
 * ALTER TABLE and TRUNCATE do not keep old snapshots in mind: a table that was rewritten after the snapshot reads as
 * empty, and one whose columns were renamed reads the wrong ones. So the table is locked against DDL (ACCESS SHARE, as
 * any SELECT does), then looked at from outside of the snapshot, and its files are compared with those that the
 * snapshot knows.
 */
export class TableLocks {
  readonly #present: Queryable;
  readonly #known = new WeakMap<TableShape, Known>();

  /** `present` sees the catalogue as it is now. */
  constructor(present: Queryable) {
    this.#present = present;
  }

  /** @throws MillraceError MR_SOURCE_TABLE_CHANGED where the table cannot be read as the snapshot saw it. */
  async lock(snapshot: Queryable, shape: TableShape): Promise<TablePlan> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const named = this.#known.get(shape) ?? (await this.#learn(shape));
      const now = await this.#lockByName(snapshot, shape, named.plan);
      if (now !== null) {
        await checkFiles(snapshot, shape, now);
        return now.stamp === named.stamp ? named.plan : (await this.#learn(shape)).plan;
      }
      this.#known.delete(shape);
      await snapshot.query("ROLLBACK TO naming");
    }
    throw tableChanged(shape, "the table is being renamed");
  }

  /** Null where the name is no longer the table's. */
  async #lockByName(
    snapshot: Queryable,
    shape: TableShape,
    plan: TablePlan,
  ): Promise<Stamp | null> {
    try {
      await snapshot.query(`SAVEPOINT naming; LOCK TABLE ${plan.from} IN ACCESS SHARE MODE`);
    } catch (error) {
      if (sqlStateOf(error) === UNDEFINED_TABLE) return null;
      throw error;
    }
    const now = await this.#stamp(shape);
    return `${quote(now.schema)}.${quote(now.name)}` === plan.name ? now : null;
  }

  async #learn(shape: TableShape): Promise<Known> {
    const { stamp } = await this.#stamp(shape);
    const known = { plan: await readTablePlan(this.#present, shape), stamp };
    this.#known.set(shape, known);
    return known;
  }

  async #stamp(shape: TableShape): Promise<Stamp> {
    const { rows } = await this.#present.query<Stamp>(STAMP_SQL, [shape.identity]);
    const [row] = rows;
    if (row !== undefined) return row;
    this.#known.delete(shape);
    throw tableGone(shape, "the table was dropped");
  }
}

/** The files that the snapshot knows must be those that are there now. */
async function checkFiles(snapshot: Queryable, shape: TableShape, now: Stamp): Promise<void> {
  const { rows } = await snapshot.query<{ files: string }>(FILES_SQL, [shape.identity]);
  if (rows[0]?.files === now.files) return;
  throw tableChanged(shape, "the table was rewritten or made after the snapshot was taken");
}
