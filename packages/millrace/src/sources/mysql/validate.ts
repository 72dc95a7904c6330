import { unreachable } from "../../errors/unreachable.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { applyRules, worstFirst } from "../../model/finding-rule.ts";
import type { Finding } from "../../model/finding.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { tableId, type TableId } from "../../model/table.ts";
import type { Queryable } from "./connection.ts";
import { discoverTables } from "./discover.ts";
import type { Observed } from "./finding-rule.ts";
import { dumpStart } from "./log-files.ts";
import { HIDDEN_RULES } from "./hidden-tables.ts";
import { readLogEnd } from "./log-end.ts";
import { probeLog } from "./log-probe.ts";
import type { MysqlSourceOptions } from "./options.ts";
import { readerId, type ReaderId } from "./reader-id.ts";
import { unreadableOf } from "./reading-rights.ts";
import { readServerFacts, type ServerFacts } from "./server-facts.ts";
import { READER_RULES } from "./reader-rules.ts";
import { TEXT_RULES } from "./text-rules.ts";
import { LOG_RULES, SERVER_RULES } from "./server-rules.ts";
import { SourceServer } from "./source-server.ts";
import { refuseGone } from "./startup-place.ts";
import { tableFindings } from "./table-rules.ts";
import { XA_RULES } from "./xa-rules.ts";

/**
 * What the server says about a pipeline before it is started, worst first. Writes nothing. A server that cannot be
 * asked is a finding too. `known` are tables that the pipeline captures already, if it has begun: others that it may not
 * capture do not stop it.
 */
export async function validateMysql(
  options: MysqlSourceOptions,
  context: ConnectorContext,
  known: ReadonlySet<TableId> | null = null,
): Promise<Finding[]> {
  const server = new SourceServer(options, context);
  try {
    const observed = await observe(server, options, context);
    const noPlace = known === null ? await placeGone(server, options, observed.server) : null;
    return findings({ ...observed, known, noPlace });
  } catch (error) {
    return [unreachable(error)];
  } finally {
    await server.close();
  }
}

/** Pure: what follows from what was observed. */
export function findings(observed: Observed): Finding[] {
  const rules = [
    ...SERVER_RULES,
    ...LOG_RULES,
    ...READER_RULES,
    ...TEXT_RULES,
    ...XA_RULES,
    ...HIDDEN_RULES,
  ];
  return worstFirst([...applyRules(rules, observed), ...tableFindings(observed)]);
}

async function observe(
  server: SourceServer,
  options: MysqlSourceOptions,
  context: ConnectorContext,
): Promise<Omit<Observed, "known" | "noPlace">> {
  const { hostname } = options;
  const facts = await server.control.use((session) =>
    readServerFacts(session, hostname, context.clock.now()),
  );
  const discovery = await discoverTables(server.control, options);
  const shapes = discovery.tables.map(({ shape }) => shape);
  const unreadable = await unreadableOf(server.control, shapes);
  return {
    options,
    server: facts,
    discovery,
    tableBytes: await readTableBytes(server.control, new Set(shapes.map(({ id }) => id))),
    ids: idsOf(options, context.pipeline),
    unreadable: unreadable.map(({ id }) => id),
    looseKeys: await readLooseKeys(server.control, new Set(shapes.map(({ id }) => id))),
    refusedLog: await refusedLog(server, facts),
  };
}

/** As the server's statistics have it. */
async function readTableBytes(client: Queryable, captured: ReadonlySet<TableId>): Promise<number> {
  const rows = await client.query(
    "SELECT TABLE_SCHEMA, TABLE_NAME, DATA_LENGTH FROM information_schema.TABLES WHERE ENGINE = 'InnoDB'",
  );
  return rows
    .filter(([schema, name]) => captured.has(tableId(schema ?? "", name ?? "")))
    .reduce((sum, [, , bytes]) => sum + Number(bytes ?? 0), 0);
}

/** Binary collations tell all spellings apart, or all but blanks at the end. */
async function readLooseKeys(
  client: Queryable,
  captured: ReadonlySet<TableId>,
): Promise<readonly string[]> {
  const rows = await client.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
     WHERE COLUMN_KEY = 'PRI' AND DATA_TYPE IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext')
       AND COLLATION_NAME NOT LIKE '%\\_bin' ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`,
  );
  return rows.flatMap(([schema, name, column]) => {
    const id = tableId(schema ?? "", name ?? "");
    return captured.has(id) ? [`${id}.${column}`] : [];
  });
}

/** Enough of a range to say that none is free. */
const MOST_IDS = 64;

function idsOf({ serverId }: MysqlSourceOptions, pipeline: string): ReaderId[] {
  const count = serverId === null ? MOST_IDS : Math.min(MOST_IDS, serverId.to - serverId.from + 1);
  return Array.from({ length: count }, (_, attempt) => readerId(pipeline, serverId, attempt));
}

/** Where a new pipeline would begin. A log that cannot be asked about is told by other rules. */
async function placeGone(
  server: SourceServer,
  { startup }: MysqlSourceOptions,
  { logs }: ServerFacts,
): Promise<Observed["noPlace"]> {
  if (!logs) return null;
  try {
    await refuseGone({ server, standing: await server.standing() }, startup);
    return null;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.class === "transient") throw error;
    return error.code === "MR_SOURCE_REFUSED" ? { what: error.detail, remedy: error.remedy } : null;
  }
}

/** Reads the log's end as a reader would. What the rules tell by themselves is not tried. */
async function refusedLog(server: SourceServer, { logs }: ServerFacts): Promise<string | null> {
  if (!logs) return null;
  try {
    const end = await server.control.use((session) => readLogEnd(session));
    await probeLog(await server.config(), dumpStart(await server.standing(), end));
    return null;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.class === "transient") throw error;
    return error.detail;
  }
}
