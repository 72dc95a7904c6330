import type { TableId, TargetTable } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { CatalogueTable } from "./catalogue.ts";
import { readCatalogueTables } from "./catalogue.ts";
import { readOwners } from "./claim-targets.ts";
import { classify } from "./errors.ts";
import { readHeldRows } from "./held-rows.ts";
import type { Ownership } from "./ownership.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { SinkRequest } from "./sink-request.ts";
import { stateStatements } from "./state-statements.ts";

/** What a server says about itself and about our role. */
export interface ObservedServer {
  /** Major version of the PostgreSQL that it is, or that it answers as. */
  readonly version: number;
  readonly isDsql: boolean;
  /** A standby, or one whose transactions are read-only. */
  readonly readOnly: boolean;
  readonly role: string;
  readonly database: string;
  readonly mayCreateSchemas: boolean;
}

/** A schema, and what our role may do in it. */
export interface ObservedSchema {
  readonly mayUse: boolean;
  readonly mayCreate: boolean;
}

/** A table, and what our role may do to it. */
export interface ObservedTable {
  /** SELECT, INSERT, UPDATE, DELETE: those that it lacks. */
  readonly lacks: readonly string[];
  readonly isOwner: boolean;
}

/** Everything that is asked of a sink's server before a start. */
export interface ObservedSink {
  readonly server: ObservedServer;
  /** All schemas but the system's own, by name. */
  readonly schemas: ReadonlyMap<string, ObservedSchema>;
  /** All tables in them. */
  readonly tables: ReadonlyMap<TableId, ObservedTable>;
  /** The shapes of the targets that are there. */
  readonly targets: ReadonlyMap<TableId, CatalogueTable>;
  readonly owners: readonly Ownership[];
  /** Targets that hold rows which this pipeline has not written, and how many (counted up to a bound). */
  readonly held: ReadonlyMap<TableId, number>;
  /** Null where there is no state yet, or none that may be read. */
  readonly stateVersion: number | null;
}

const SERVER = `SELECT current_setting('server_version_num')::int / 10000,
 EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'sys'), current_setting('transaction_read_only'),
 current_user, current_database(), has_database_privilege(current_database(), 'CREATE')`;

/** `sys` is the part of the catalogue that is DSQL's own. */
const OURS = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'sys')";

const SCHEMAS = `SELECT n.nspname, has_schema_privilege(n.oid, 'USAGE'), has_schema_privilege(n.oid, 'CREATE')
 FROM pg_namespace n WHERE ${OURS}`;

const RIGHTS = ["SELECT", "INSERT", "UPDATE", "DELETE"];

const TABLES = `SELECT n.nspname, c.relname, pg_has_role(c.relowner, 'USAGE'),
 ${RIGHTS.map((right) => `has_table_privilege(c.oid, '${right}')`).join(", ")}
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND ${OURS}`;

/** Asks for all of it. Writes nothing. */
export async function observeSink(
  connection: SinkConnection,
  request: Pick<SinkRequest, "targets" | "stateSchema" | "pipeline" | "fullLoad">,
): Promise<ObservedSink> {
  const { targets, stateSchema } = request;
  try {
    const server = serverOf(await connection.query(SERVER));
    const schemas = new Map(
      (await connection.query(SCHEMAS)).map(([name, use, create]) => [
        name ?? "",
        { mayUse: use === "t", mayCreate: create === "t" },
      ]),
    );
    const tables = new Map((await connection.query(TABLES)).map(tableOf));
    const found = { server, schemas, tables };
    const state = await observeState(connection, tables, stateSchema);
    const held = await readHeldRows(connection, request, { ...found, ...state });
    return { ...found, ...state, held, targets: await readTargets(connection, targets, tables) };
  } catch (error) {
    throw classify(error, { doing: "looking at the sink" });
  }
}

function serverOf([row = []]: readonly (string | null)[][]): ObservedServer {
  const [version, isDsql, readOnly, role, database, mayCreate] = row;
  return {
    version: Number(version),
    isDsql: isDsql === "t",
    readOnly: readOnly === "on",
    role: role ?? "",
    database: database ?? "",
    mayCreateSchemas: mayCreate === "t",
  };
}

function tableOf([schema, name, owner, ...rights]: (string | null)[]): [TableId, ObservedTable] {
  const lacks = RIGHTS.filter((_, i) => rights[i] !== "t");
  return [tableId(schema ?? "", name ?? ""), { lacks, isOwner: owner === "t" }];
}

async function observeState(
  connection: SinkConnection,
  tables: ObservedSink["tables"],
  schema: string,
): Promise<Pick<ObservedSink, "owners" | "stateVersion">> {
  const statements = stateStatements(schema);
  const readable = (name: string) =>
    tables.get(tableId(schema, name))?.lacks.includes("SELECT") === false;
  const owners = readable("owner") ? await readOwners(connection, statements) : [];
  if (!readable("version")) return { owners, stateVersion: null };
  const [[version] = []] = await connection.query(statements.readVersion);
  return { owners, stateVersion: version === undefined ? null : Number(version) };
}

function readTargets(
  connection: SinkConnection,
  targets: readonly TargetTable[],
  tables: ObservedSink["tables"],
): Promise<ObservedSink["targets"]> {
  const present = targets.filter(({ id }) => tables.has(id));
  return readCatalogueTables(connection, present);
}
