import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { readFacts, type Queryable } from "./catalogue.ts";
import { connectionError, sqlStateOf } from "./connection-error.ts";
import { quote } from "./table-plan.ts";

const INSUFFICIENT_PRIVILEGE = "42501";
const UNMANAGED = "it is kept by you (unmanaged)";
/** Virtual generated columns came, and stored ones can be published, since 18. */
const PUBLISHES_GENERATED = 18;

/** A publication as the server has it; fields that a version lacks are absent. */
export interface PublicationState {
  readonly puballtables: boolean;
  readonly pubinsert: boolean;
  readonly pubupdate: boolean;
  readonly pubdelete: boolean;
  readonly pubtruncate: boolean;
  readonly pubviaroot: boolean;
  /** 18 and later: `n` none, `s` stored. */
  readonly pubgencols?: string;
  /** Members by oid that are named as tables. */
  readonly tables: readonly PublicationMember[];
  /** Schemas that are published whole (15 and later). */
  readonly schemas: readonly string[];
}

interface PublicationMember {
  readonly oid: string;
  readonly name: string;
  /** Has a row filter or a column list: the user's own, never touched. */
  readonly restricted: boolean;
}

/** What {@link preparePublication} is told. */
export interface PublicationRequest {
  readonly publicationName: string;
  readonly viaRoot: boolean;
  readonly tables: readonly TableShape[];
  /** False: the user keeps the publication; it is looked at and never changed. */
  readonly manage: boolean;
}

/** Reads a publication; null where there is none of this name in this database. */
export async function readPublication(
  client: Queryable,
  name: string,
): Promise<PublicationState | null> {
  const { rows } = await client.query<{ state: Omit<PublicationState, "tables" | "schemas"> }>(
    "SELECT pg_catalog.to_jsonb(p) AS state FROM pg_catalog.pg_publication p WHERE p.pubname = $1",
    [name],
  );
  const state = rows[0]?.state;
  if (state === undefined) return null;
  const { rows: tables } = await client.query<PublicationMember>(
    `SELECT c.oid::text AS oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       (pg_catalog.to_jsonb(r) -> 'prqual' IS DISTINCT FROM 'null'::jsonb
         AND pg_catalog.to_jsonb(r) ? 'prqual' OR pg_catalog.to_jsonb(r) -> 'prattrs' IS DISTINCT FROM 'null'::jsonb
         AND pg_catalog.to_jsonb(r) ? 'prattrs') AS restricted
     FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
       JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE p.pubname = $1 ORDER BY c.oid`,
    [name],
  );
  return { ...state, tables, schemas: await readSchemas(client, name) };
}

async function readSchemas(client: Queryable, publication: string): Promise<string[]> {
  const { rows: known } = await client.query<{ known: boolean }>(
    "SELECT pg_catalog.to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL AS known",
  );
  if (known[0]?.known !== true) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT n.nspname AS name FROM pg_catalog.pg_publication_namespace pn
       JOIN pg_catalog.pg_publication p ON p.oid = pn.pnpubid JOIN pg_catalog.pg_namespace n ON n.oid = pn.pnnspid
     WHERE p.pubname = $1`,
    [publication],
  );
  return rows.map((row) => row.name);
}

/**
 * Makes the publication hold exactly these tables, and says which of them it did not hold before. A publication FOR
 * ALL TABLES or of whole schemas, and one with row filters or column lists, is the user's: it is taken as it is
 * as far as it covers the tables. Nothing is added whose UPDATE and DELETE the server would then refuse.
 * @throws MillraceError MR_SOURCE_REFUSED with the SQL for an administrator where the role may not.
 */
export async function preparePublication(
  client: Queryable,
  request: PublicationRequest,
): Promise<{ readonly created: boolean; readonly joined: readonly TableId[] }> {
  const came = new Set<TableId>();
  for (let attempt = 1; ; attempt++) {
    const { state, joined, statements } = await planPublication(client, request);
    for (const { id } of joined) came.add(id);
    try {
      if (statements.length > 0) await execute(client, request, statements);
    } catch (error) {
      if (!isOvertaken(error) || attempt === MOST_ATTEMPTS) throw error;
      continue;
    }
    failpoint("postgres-publication.after-prepare");
    return { created: state === null, joined: [...came] };
  }
}

/** Another process that starts at the same moment does the same; more often than this nobody is overtaken. */
const MOST_ATTEMPTS = 10;
/** It is there already, or gone already; or both were at the same row of the catalogue. */
const OVERTAKEN: ReadonlySet<unknown> = new Set(["42710", "42704", "23505", "XX000"]);

function isOvertaken(error: unknown): boolean {
  return error instanceof MillraceError && OVERTAKEN.has(error.facts["sqlState"]);
}

/**
 * Refuses what {@link preparePublication} would refuse, as far as rights tell beforehand; writes nothing.
 * @throws MillraceError MR_SOURCE_REFUSED
 */
export async function refusePublication(
  client: Queryable,
  request: PublicationRequest,
): Promise<void> {
  const { state, joined, statements } = await planPublication(client, request);
  if (statements.length === 0) return;
  const doing = `preparing publication ${request.publicationName}`;
  if (!request.manage) throw refused(doing, UNMANAGED, statements);
  const added = (state === null ? request.tables : joined).map((table) => table.identity);
  const { rows } = await client.query<{ lacks: string | null }>(
    `SELECT CASE
       WHEN p.oid IS NULL AND NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
         THEN 'may not create objects in this database'
       WHEN NOT pg_catalog.pg_has_role(p.pubowner, 'USAGE') THEN 'does not own the publication'
       WHEN EXISTS (SELECT FROM pg_catalog.pg_class c
         WHERE c.oid = ANY ($2::oid[]) AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'))
         THEN 'does not own all of the tables' END AS lacks
     FROM (VALUES (1)) one LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $1`,
    [request.publicationName, added],
  );
  const lacks = rows[0]?.lacks ?? null;
  if (lacks !== null) throw refused(doing, `the role ${lacks}`, statements);
}

interface Plan {
  readonly state: PublicationState | null;
  readonly joined: readonly TableShape[];
  readonly statements: readonly string[];
}

async function planPublication(client: Queryable, request: PublicationRequest): Promise<Plan> {
  const { publicationName, tables } = request;
  const state = await readPublication(client, publicationName);
  const version = await serverVersion(client);
  const joined = tables.filter((table) => !isCovered(state, table));
  await checkDeletesAreLogged(client, state === null ? tables : joined);
  return { state, joined, statements: publicationSteps(state, request, version) };
}

/** Pure: the statements that make the publication what it must be on this version; none where it is that already. */
export function publicationSteps(
  state: PublicationState | null,
  request: PublicationRequest,
  version: number,
): string[] {
  return state === null ? [createSql(request, version)] : alterSql(request, state, version);
}

/** Whether the publication, null where there is none, carries a table's changes. */
export function isCovered(
  state: PublicationState | null,
  table: Pick<TableShape, "schema" | "identity">,
): boolean {
  return (
    state !== null &&
    (state.puballtables ||
      state.schemas.includes(table.schema) ||
      state.tables.some((member) => member.oid === table.identity))
  );
}

/** Drops a publication; one that is not there is fine. */
export async function dropPublication(client: Queryable, name: string): Promise<void> {
  await client.query(`DROP PUBLICATION IF EXISTS ${quote(name)}`);
}

async function serverVersion(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    "SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS version",
  );
  return rows[0]?.version ?? 0;
}

/** In a publication, the server refuses UPDATE and DELETE of a table that cannot say which row they are about. */
async function checkDeletesAreLogged(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<void> {
  const facts = await readFacts(
    client,
    tables.map((table) => table.identity),
  );
  const unsafe = facts.filter((fact) => !fact.logsDeletes).map((fact) => fact.shape);
  if (unsafe.length === 0) return;
  const sql = unsafe
    .map((table) => `ALTER TABLE ${qualified(table)} REPLICA IDENTITY FULL;`)
    .join(" ");
  throw new MillraceError(
    "MR_SOURCE_REFUSED",
    `${unsafe.map((table) => table.id).join(", ")} cannot be published: without a key the server would refuse the ` +
      `application's UPDATE and DELETE. Give each a primary key, or run: ${sql}`,
    { facts: { tables: unsafe.length } },
  );
}

function options({ viaRoot }: PublicationRequest, version: number): string {
  const generated = version >= PUBLISHES_GENERATED ? ", publish_generated_columns = stored" : "";
  return `publish = 'insert, update, delete, truncate', publish_via_partition_root = ${viaRoot}${generated}`;
}

function createSql(request: PublicationRequest, version: number): string {
  const { publicationName, tables } = request;
  const list = tables.length === 0 ? "" : ` FOR TABLE ${tables.map(qualified).join(", ")}`;
  return `CREATE PUBLICATION ${quote(publicationName)}${list} WITH (${options(request, version)})`;
}

function alterSql(request: PublicationRequest, state: PublicationState, version: number): string[] {
  const name = quote(request.publicationName);
  const joined = request.tables.filter((table) => !isCovered(state, table));
  const wanted = new Set(request.tables.map((table) => table.identity));
  const left = state.tables.filter((member) => !wanted.has(member.oid) && !member.restricted);
  const isShort = !(state.pubinsert && state.pubupdate && state.pubdelete && state.pubtruncate);
  const hasGenerated = request.tables.some((table) =>
    table.columns.some((column) => column.generated),
  );
  const isOther =
    state.pubviaroot !== request.viaRoot || (hasGenerated && state.pubgencols === "n");
  return [
    ...(isShort || isOther ? [`ALTER PUBLICATION ${name} SET (${options(request, version)})`] : []),
    ...(joined.length > 0
      ? [`ALTER PUBLICATION ${name} ADD TABLE ${joined.map(qualified).join(", ")}`]
      : []),
    ...(left.length > 0 && request.manage
      ? [`ALTER PUBLICATION ${name} DROP TABLE ${left.map((member) => member.name).join(", ")}`]
      : []),
  ];
}

async function execute(
  client: Queryable,
  request: PublicationRequest,
  statements: readonly string[],
): Promise<void> {
  const doing = `preparing publication ${request.publicationName}`;
  if (!request.manage) throw refused(doing, UNMANAGED, statements);
  for (const sql of statements) {
    try {
      await client.query(sql);
    } catch (error) {
      if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) throw connectionError(error, doing);
      throw refused(
        doing,
        error instanceof Error ? error.message : "not allowed",
        statements,
        error,
      );
    }
  }
}

function refused(
  doing: string,
  why: string,
  statements: readonly string[],
  cause?: unknown,
): MillraceError {
  return new MillraceError(
    "MR_SOURCE_REFUSED",
    `${doing}: ${why}. An administrator runs, in this database: ${statements.join("; ")};`,
    cause === undefined ? {} : { cause },
  );
}

function qualified(table: TableShape): string {
  return `${quote(table.schema)}.${quote(table.name)}`;
}
