import { MillraceError } from "../../errors/millrace-error.ts";
import type { TransactionId } from "../../model/position.ts";
import type { ConnectorContext, LogStart } from "../../model/source.ts";
import { lostConnection } from "../../bytes/byte-source.ts";
import { type Believes, CapturedTables } from "./captured-tables.ts";
import type { PostgresConnectionConfig, PostgresLogConfig } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { DdlMessages } from "./ddl-messages.ts";
import { replicationError } from "./log-errors.ts";
import { readHistory } from "./log-history.ts";
import { LogWatch } from "./log-watch.ts";
import { formatLsn, type LogPosition, parseLsn } from "./position.ts";
import type { ShapeOf } from "./relation-shape.ts";
import { isBelievable, shapeOfRelation } from "./relation-shapes.ts";
import { type Provider, readProvider, refusalFor, replicationMatter } from "./managed.ts";
import { PostgresLog } from "./replication-log.ts";
import { readSeal } from "./seal.ts";
import { SideSession } from "./side-session.ts";
import { readableFrom, type SlotWait, waitForSlot } from "./slot.ts";
import { quote } from "./table-plan.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";
import { TransactionIds } from "./transaction-id.ts";
import type { WireReader } from "./wire-reader.ts";

export type { PostgresLog } from "./replication-log.ts";

/** What a log is opened with. */
export interface PostgresLogOptions {
  readonly context: ConnectorContext;
  readonly connection: PostgresConnectionConfig;
  /** Where heartbeats are written; where the log is read, when left out. */
  readonly primary?: PostgresConnectionConfig;
  /** The timeline that the log was prepared on; not looked at when left out or null. */
  readonly timeline?: number | null;
  readonly log: PostgresLogConfig;
  /**
   * Server processes of earlier logs of this source. One whose connection died without a word may hold the slot until
   * the server's `wal_sender_timeout`, or for ever where that is off; being ours, it is ended.
   */
  readonly earlier?: Set<number>;
}

/** A row whose values weigh more than this many times the largest value of the sink fits no sink. */
const ROW_VALUES = 4;
const LEAST_ROW_BYTES = 16_777_216;
const INSUFFICIENT_PRIVILEGE = "42501";
const FALSE_MESSAGE =
  "a message about a schema change contradicts the catalogue and is not believed: it was not written by the event trigger";
/** Processes of earlier logs that are remembered. */
const MOST_EARLIER = 8;
/**
 * Opens the log behind `start.from`, or where the slot begins.
 * @throws MillraceError: class loss where what comes next is gone, MR_SOURCE_SLOT_BUSY, MR_SOURCE_REFUSED, …
 */
export async function openPostgresLog(
  options: PostgresLogOptions,
  start: LogStart,
): Promise<PostgresLog> {
  const { context, connection, log } = options;
  const side = new SideSession(connection);
  const beats = heartbeatSession(options, side);
  try {
    const state = await waitForSlot(side, log.slotName, slotWait(options));
    const from = await readableFrom(side, state, start.from);
    const { xmax, inRecovery } = await readMoment(side);
    const key = log.ddlMessages ? (await readSeal(side)).key : null;
    const { reader, serverTimeoutMs, processId } = await startReplication(options, from);
    const assembler: TransactionAssembler = new TransactionAssembler({
      buffer: reader.buffer,
      from,
      ...tablesOf(options, start, { client: side, key }, () => assembler.transactionId),
      transactionIds: new TransactionIds(xmax),
      maxValueBytes: start.maxValueBytes,
      maxRowBytes: Math.max(LEAST_ROW_BYTES, ROW_VALUES * start.maxValueBytes),
    });
    const confirmed = parseLsn(state.confirmed_flush_lsn ?? "0/0");
    return new PostgresLog({
      context,
      log,
      side,
      // A standby writes nothing; where its primary is known, that writes for it.
      beats: inRecovery && beats === side ? null : beats,
      watch: new LogWatch({ ...context, client: side, processId, isStandbys: inRecovery }),
      reader,
      assembler,
      confirmed,
      from,
      serverTimeoutMs,
    });
  } catch (error) {
    await side.close();
    await beats.close();
    throw error;
  }
}

/** A session of its own where heartbeats go to another server than the log's. */
function heartbeatSession(
  { connection, primary = connection }: PostgresLogOptions,
  side: SideSession,
): SideSession {
  const isSame = primary.host === connection.host && primary.port === connection.port;
  return isSame ? side : new SideSession(primary);
}

/** Which tables the log is read for, and who says how they look at a place of it. */
function tablesOf(
  { context: { clock, log: tell }, log }: PostgresLogOptions,
  { tables, adopted }: LogStart,
  { client, key }: { readonly client: SideSession; readonly key: string | null },
  transactionId: () => TransactionId | null,
): { readonly tables: CapturedTables; readonly ddl: DdlMessages | null } {
  const { slotName, publicationName, ddlMessages } = log;
  const place = () => ({ client, clock, slotName, publicationName, transaction: transactionId() });
  const shapeOf: ShapeOf = (relation, known, exact, lsn) => {
    const told = ddlMessages ? exact : null;
    return shapeOfRelation({ ...place(), exact: told, lsn }, relation, known);
  };
  const doubted = new Set<string>();
  const believes: Believes = async (told, previous) => {
    const isTrue = await isBelievable(place(), told, previous);
    if (!isTrue && !doubted.has(told.id)) tell.warn(FALSE_MESSAGE, { table: told.id });
    if (!isTrue) doubted.add(told.id);
    return isTrue;
  };
  return {
    tables: new CapturedTables(tables, shapeOf, adopted, believes),
    ddl: ddlMessages
      ? new DdlMessages(publicationName, key, async () => (await readSeal(client)).key)
      : null,
  };
}

function slotWait({ context, log, earlier = new Set() }: PostgresLogOptions): SlotWait {
  return { timeoutMs: log.slotBusyTimeoutMs, clock: context.clock, earlier };
}

interface Replication {
  readonly reader: WireReader;
  readonly serverTimeoutMs: number;
  readonly processId: number | null;
}

/** Waits for the server's consent, so that a slot or publication that will not do is said here. */
async function startReplication(
  { connection, timeline = null, log, context, earlier }: PostgresLogOptions,
  from: LogPosition,
): Promise<Replication> {
  const walsender = await openWalsender(connection);
  remember(earlier, walsender.processId);
  const stop = new AbortController();
  context.clock.sleep(connection.readTimeoutMs, stop.signal).then(
    () => walsender.destroy(),
    () => undefined,
  );
  try {
    await checkTimeline(walsender, timeline);
    const serverTimeoutMs = await readServerTimeoutMs(walsender);
    const reader = walsender.takeOver(startSql(log, from));
    await reader.begun();
    return { reader, serverTimeoutMs, processId: walsender.processId };
  } catch (error) {
    walsender.destroy();
    throw replicationError(error, log);
  } finally {
    stop.abort();
  }
}

/** A connection that can read the log. The server's own refusal names neither the role nor what it lacks. */
export async function openWalsender(
  connection: PostgresConnectionConfig,
): Promise<PostgresConnection> {
  try {
    return await openConnection(connection, { purpose: "log", replication: true });
  } catch (error) {
    if (!(error instanceof MillraceError) || error.facts["sqlState"] !== INSUFFICIENT_PRIVILEGE)
      throw error;
    throw refusalFor(replicationMatter(connection.user, await askProvider(connection)), error);
  }
}

/** Who runs a server that refuses replication; nobody knows where it refuses everything. */
async function askProvider(connection: PostgresConnectionConfig): Promise<Provider | null> {
  try {
    const asked = await openConnection(connection);
    try {
      return await readProvider(asked.client);
    } finally {
      await asked.close();
    }
  } catch {
    return null;
  }
}

function remember(earlier: Set<number> | undefined, processId: number | null): void {
  if (earlier === undefined || processId === null) return;
  earlier.add(processId);
  const [oldest] = earlier;
  if (earlier.size > MOST_EARLIER && oldest !== undefined) earlier.delete(oldest);
}

/** The next transaction id, with its epoch; and whether the server is a standby. */
async function readMoment(
  side: SideSession,
): Promise<{ readonly xmax: number; readonly inRecovery: boolean }> {
  const { rows } = await side.query<{ xmax: string; recovery: boolean }>(
    "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS xmax, " +
      "pg_catalog.pg_is_in_recovery() AS recovery",
  );
  return { xmax: Number(rows[0]?.xmax ?? 0), inRecovery: rows[0]?.recovery === true };
}

/** Behind a name or an address may be another server by now: what was prepared counts for one branch of the log. */
async function checkTimeline(
  walsender: PostgresConnection,
  timeline: number | null,
): Promise<void> {
  if (timeline === null) return;
  const { timeline: now } = await readHistory(walsender);
  if (now !== timeline)
    throw lostConnection(`the server's log is on timeline ${now}, and was prepared on ${timeline}`);
}

/** How long the server waits for a status update before it cuts the connection; 0 is for ever. */
async function readServerTimeoutMs(walsender: PostgresConnection): Promise<number> {
  const { rows } = await walsender.client.query<{ ms: string }>(
    "SELECT setting AS ms FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'",
  );
  return Number(rows[0]?.ms ?? 0);
}

/** The grammar of replication commands has plain quotes only. */
function startSql(log: PostgresLogConfig, from: LogPosition): string {
  const publications = quote(log.publicationName).replaceAll("'", "''");
  return (
    `START_REPLICATION SLOT ${quote(log.slotName)} LOGICAL ${formatLsn(from[0])} ` +
    `(proto_version '1', publication_names '${publications}'${log.ddlMessages ? ", messages 'true'" : ""})`
  );
}
