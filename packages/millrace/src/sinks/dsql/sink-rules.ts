import { CATALOGUE } from "../../errors/catalogue.ts";
import type { Finding } from "../../model/finding.ts";
import { tableId } from "../../model/table.ts";
import { quoteName } from "./identifiers.ts";
import type { ObservedSink } from "./observed-sink.ts";
import { decideClaim } from "./ownership.ts";
import type { SinkRequest } from "./sink-request.ts";
import { STATE_VERSION, stateStatements } from "./state-statements.ts";

const NO_START = "The pipeline would not start.";
const OLDEST_POSTGRES = 13;

/** Schemas that have no part in DSQL's count of ten. */
const UNCOUNTED = "public";

/** What kind of server it is, and whether it takes writes. */
export function serverFindings({ server }: ObservedSink, { profile }: SinkRequest): Finding[] {
  const found: Finding[] = [];
  const isDsql = profile.kind === "dsql";
  if (server.isDsql && !isDsql)
    found.push({
      severity: "error",
      what: `The server is Aurora DSQL, but the sink is type: ${profile.kind}.`,
      whatFollows: "Transactions would be over its limits, and tables made that it does not take.",
      remedy: "Write type: dsql.",
    });
  if (!server.isDsql && isDsql)
    found.push({
      severity: "warning",
      what: `The server is no Aurora DSQL, but PostgreSQL ${server.version}.`,
      whatFollows: "It works, within DSQL's limits and without its answers to what goes beyond.",
      remedy: "Write type: postgres, or the endpoint of a cluster.",
    });
  if (!server.isDsql && server.version < OLDEST_POSTGRES)
    found.push({
      severity: "error",
      what: `The server is PostgreSQL ${server.version}.`,
      whatFollows: `Millrace writes to ${OLDEST_POSTGRES} and later; nobody has tried this one.`,
      remedy: "Upgrade the server.",
    });
  if (server.readOnly)
    found.push({
      severity: "error",
      what: "The server takes no writes: it is a standby, or its transactions are read-only.",
      whatFollows: NO_START,
      remedy: "Point host at the primary, or reset default_transaction_read_only for the role.",
    });
  return found;
}

/** What has to be made and may not be, and what may not be read or written. */
export function rightsFindings(observed: ObservedSink, request: SinkRequest): Finding[] {
  const { stateSchema, targets, create } = request;
  const stateTables = stateStatements(stateSchema).tables.map(({ name }) =>
    tableId(stateSchema, name),
  );
  const targetIds = targets.map(({ id }) => id);
  const made = new Map<string, string>();
  const missing = (id: (typeof targetIds)[number]) => !observed.tables.has(id);
  if (stateTables.some(missing)) made.set(stateSchema, "the pipeline's state");
  for (const { id, schema } of targets)
    if (create === "if-missing" && missing(id) && !made.has(schema)) made.set(schema, id);
  return [
    ...[...made].flatMap(([schema, what]) => creationFindings(observed, schema, what)),
    ...[...new Set([...stateTables, ...targetIds])].flatMap((id) => tableFindings(observed, id)),
    ...(request.evolve ? ownershipFindings(observed, request) : []),
  ];
}

function creationFindings({ schemas, server }: ObservedSink, name: string, what: string) {
  const schema = schemas.get(name);
  const [role, quoted] = [quoteName(server.role), quoteName(name)];
  const grant = `GRANT USAGE, CREATE ON SCHEMA ${quoted} TO ${role};`;
  const admin = "Let an administrator run, each by itself:";
  if (schema === undefined && server.mayCreateSchemas) return [];
  if (schema?.mayUse === true && schema.mayCreate) return [];
  const finding: Finding = {
    severity: "error",
    what:
      schema === undefined
        ? `There is no schema ${name}, and role ${server.role} may not make one.`
        : `Role ${server.role} may not make tables in schema ${name}.`,
    whatFollows: `There is no place for ${what}.`,
    remedy:
      server.isDsql && name === UNCOUNTED
        ? "Route to a schema of its own, in which the role may be given rights; DSQL grants none in public."
        : `${admin} ${schema === undefined ? `CREATE SCHEMA ${quoted}; ` : ""}${grant}`,
  };
  return [finding];
}

function tableFindings({ tables, server }: ObservedSink, id: ReturnType<typeof tableId>) {
  const lacks = tables.get(id)?.lacks ?? [];
  if (lacks.length === 0) return [];
  const finding: Finding = {
    severity: "error",
    what: `Role ${server.role} lacks ${lacks.join(", ")} on ${id}.`,
    whatFollows: NO_START,
    remedy: `GRANT ${lacks.join(", ")} ON ${id} TO ${quoteName(server.role)};`,
  };
  return [finding];
}

function ownershipFindings({ tables, server }: ObservedSink, { targets }: SinkRequest): Finding[] {
  const foreign = targets.filter(({ id }) => tables.get(id)?.isOwner === false);
  if (foreign.length === 0) return [];
  return [
    {
      severity: "warning",
      what: `Role ${server.role} does not own ${foreign.map(({ id }) => id).join(", ")}.`,
      whatFollows:
        "A schema change of the source could not be made there and would stop the pipeline.",
      remedy: "ALTER TABLE … OWNER TO the role, or schema.change.behavior: ignore.",
    },
  ];
}

/** How many schemas and tables there may be. */
export function limitFindings(observed: ObservedSink, request: SinkRequest): Finding[] {
  const { profile, targets, stateSchema, create } = request;
  const wanted = create === "never" ? [] : targets;
  const schemas = new Set([...observed.schemas.keys(), stateSchema]);
  for (const { schema } of wanted) schemas.add(schema);
  schemas.delete(UNCOUNTED);
  const tables = new Set<string>(observed.tables.keys());
  for (const { id } of wanted) tables.add(id);
  for (const { name } of stateStatements(stateSchema).tables)
    tables.add(tableId(stateSchema, name));
  return [
    ...overLimit(
      "schemas besides public",
      schemas.size,
      profile.maxSchemas,
      "Route to fewer schemas, or drop some.",
    ),
    ...overLimit("tables", tables.size, profile.maxTables, "Capture fewer tables, or drop some."),
  ];
}

function overLimit(what: string, count: number, most: number | null, remedy: string): Finding[] {
  if (most === null || count <= most) return [];
  return [
    {
      severity: "error",
      what: `There would be ${count} ${what}; the sink takes ${most}.`,
      whatFollows: "The last ones could not be made.",
      remedy,
    },
  ];
}

function ownedFinding(refused: readonly string[]): Finding {
  return {
    severity: "error",
    what: `${refused.join("; ")}.`,
    whatFollows: NO_START,
    remedy: CATALOGUE.MR_TARGET_OWNED.remedy,
    code: "MR_TARGET_OWNED",
  };
}

/** State of a newer Millrace, and targets of other pipelines. */
export function stateFindings(observed: ObservedSink, request: SinkRequest): Finding[] {
  const { pipeline, targets, shared, stateSchema } = request;
  const ids = targets.map(({ id }) => id);
  const claim = { pipeline, targets: ids, shared, others: "let-go" } as const;
  const { refused } = decideClaim(observed.owners, claim);
  // One finding: what helps is the same for all of them.
  const owned = refused.length === 0 ? [] : [ownedFinding(refused)];
  if ((observed.stateVersion ?? 0) <= STATE_VERSION) return owned;
  return [
    {
      severity: "error",
      what: `Schema ${stateSchema} holds state of version ${observed.stateVersion}; this Millrace knows ${STATE_VERSION}.`,
      whatFollows: NO_START,
      remedy: "Run the newer Millrace, or use another state.schema.",
      code: "MR_STATE_VERSION",
    },
    ...owned,
  ];
}
