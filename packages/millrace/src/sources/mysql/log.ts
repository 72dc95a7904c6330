import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import { type DumpStart, openDump } from "./binlog-dump.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { openConnection } from "./connection.ts";
import type { LargeRowLimits } from "./large-row-decoder.ts";
import { logError } from "./log-errors.ts";
import { dumpStart } from "./log-files.ts";
import type { PlaceOptions } from "./log-place.ts";
import type { LoggedTables } from "./logged-tables.ts";
import type { LogGroup, LogPosition } from "./position.ts";
import { MysqlLog } from "./replication-log.ts";
import { readStanding } from "./server-standing.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";

/** What the log is opened with. */
export interface MysqlLogOptions {
  readonly clock: Clock;
  readonly connection: MysqlConnectionConfig;
  /** Must differ from that of each replica and each other reader of the server. */
  readonly serverId: number;
  /** Stands for this pipeline: an older dump of it is ended by the server. */
  readonly uuid: string;
  /** How often an idle server says where its log ends, milliseconds. */
  readonly heartbeatMs: number;
  readonly silenceTimeoutMs: number;
  readonly batchBytes: number;
  readonly tables: LoggedTables;
  readonly limits: LargeRowLimits;
  /** Where the server begins to send; where `from` is, unless told otherwise. */
  readonly start?: DumpStart;
  readonly place?: PlaceOptions;
}

/**
 * Opens the log behind `from`.
 * @throws MillraceError: class loss where what comes next is gone, MR_SOURCE_REFUSED, …
 */
export async function openMysqlLog(options: MysqlLogOptions, from: LogPosition): Promise<MysqlLog> {
  const { connection: config, serverId, uuid, heartbeatMs, tables, limits, place = {} } = options;
  const start = options.start ?? (await startOf(config, from[0]));
  await tables.begin(from);
  try {
    const { connection, reader } = await openDump(config, { start, serverId, uuid, heartbeatMs });
    failpoint("mysql-log.opened");
    const { flavor } = connection.version;
    const assembler = new TransactionAssembler({ reader, from, place, tables, flavor, limits });
    return new MysqlLog({ ...options, reader, assembler });
  } catch (error) {
    throw logError(error, serverId);
  }
}

/** At the server whose files the position names. */
async function startOf(config: MysqlConnectionConfig, { file, at }: LogGroup): Promise<DumpStart> {
  const session = await openConnection(config);
  try {
    return dumpStart(await readStanding(session, session.version), { file, at });
  } finally {
    await session.close();
  }
}
