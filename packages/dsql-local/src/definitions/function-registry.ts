/** Which functions of clients change rows: a SELECT that calls one is a write, with all that goes with it. */
import { drawingFunctions, writingFunctions, type FunctionFacts } from "../gate/functions.ts";
import type { Statement } from "../gate/statement.ts";
import type { AdminSession } from "../postgres/admin.ts";

/** Functions that may write, with their statements. PostgreSQL lets only volatile ones write. */
const SOURCES = `SELECT p.proname, CASE WHEN p.prosqlbody IS NULL THEN p.prosrc
    ELSE regexp_replace(regexp_replace(pg_get_function_sqlbody(p.oid), '^RETURN ', 'SELECT '), '^BEGIN ATOMIC|END$', '', 'g') END
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'sys') AND p.provolatile = 'v' AND l.lanname = 'sql'`;

interface Known {
  readonly writing: ReadonlyMap<string, FunctionFacts>;
  readonly drawing: ReadonlySet<string>;
}

/** One per cluster. */
export class FunctionRegistry {
  readonly #admin: AdminSession;
  #known: Promise<Known> | undefined;

  constructor(admin: AdminSession) {
    this.#admin = admin;
  }

  /** Some definition has changed. */
  changed(): void {
    this.#known = undefined;
  }

  /** The statement with what the functions do that it calls. */
  async widen(statement: Statement): Promise<Statement> {
    const { kind, calls } = statement;
    if (calls.length === 0 || (kind !== "read" && kind !== "write")) return statement;
    this.#known ??= this.#ask();
    const known = await this.#known;
    const draws = statement.draws || calls.some((name) => known.drawing.has(name));
    const called = calls.flatMap((name) => known.writing.get(name) ?? []);
    if (called.length > 0) return { ...widened(statement, called), draws };
    return draws === statement.draws ? statement : { ...statement, draws };
  }

  async #ask(): Promise<Known> {
    try {
      const rows = await this.#admin.query(SOURCES);
      const sources = rows.map(([name, sql]) => ({ name: name ?? "", sql: sql ?? "" }));
      return {
        writing: writingFunctions(sources),
        drawing: drawingFunctions(sources),
      };
    } catch (error) {
      this.changed();
      throw error;
    }
  }
}

function widened(statement: Statement, called: readonly FunctionFacts[]): Statement {
  const parts = called.flatMap((facts) => facts.parts);
  return {
    ...statement,
    kind: "write",
    inside: called.flatMap((facts) => facts.relations),
    locksForUpdate: statement.locksForUpdate || parts.some((part) => part.locksForUpdate),
    onlySharesKeys: false,
    inserts: statement.inserts || parts.some((part) => part.inserts),
    deletes: statement.deletes || parts.some((part) => part.deletes),
    setsDefaults: statement.setsDefaults || parts.some((part) => part.setsDefaults),
    writesRows: statement.writesRows || parts.some((part) => part.writesRows),
    updatedColumns: [...statement.updatedColumns, ...parts.flatMap((part) => part.updatedColumns)],
    asking: undefined,
    countByStatistics: true,
    growth: "unknown",
  };
}
