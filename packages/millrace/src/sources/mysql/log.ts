import { basename } from "node:path";
import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import { type DumpStart, openDump } from "./binlog-dump.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { openConnection } from "./connection.ts";
import type { LargeRowLimits } from "./large-row-decoder.ts";
import { logError } from "./log-errors.ts";
import type { LoggedTables } from "./logged-tables.ts";
import type { LogGroup, LogPosition } from "./position.ts";
import { MysqlLog } from "./replication-log.ts";
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
}

const OFFSET_LIMIT = 2 ** 32;
const FIRST_OFFSET = 4;
const FILE_DIGITS = 6;

/**
 * Opens the log behind `from`, at the server whose files that names.
 * @throws MillraceError: class loss where what comes next is gone, MR_SOURCE_REFUSED, …
 */
export async function openMysqlLog(options: MysqlLogOptions, from: LogPosition): Promise<MysqlLog> {
  const { connection: config, serverId, uuid, heartbeatMs, tables, limits } = options;
  const start = await startOf(config, from[0]);
  await tables.begin(from);
  try {
    const { connection, reader } = await openDump(config, { start, serverId, uuid, heartbeatMs });
    failpoint("mysql-log.opened");
    const { flavor } = connection.version;
    const assembler = new TransactionAssembler({ reader, from, tables, flavor, limits });
    return new MysqlLog({ ...options, reader, assembler });
  } catch (error) {
    throw logError(error, serverId);
  }
}

/**
 * A dump's command has no offsets beyond 4 GiB. Only a file's last group may end there, since the server goes on to another
 * file at its next one.
 */
async function startOf(config: MysqlConnectionConfig, { file, at }: LogGroup): Promise<DumpStart> {
  const session = await openConnection(config);
  try {
    const [row] = await session.query("SELECT @@GLOBAL.log_bin_basename");
    const base = row?.[0];
    if (base === null || base === undefined)
      throw new MillraceError("MR_SOURCE_REFUSED", "the server writes no binary log", {
        remedy: "Start it with log_bin.",
      });
    const fileName = (number: number): string =>
      `${basename(base)}.${String(number).padStart(FILE_DIGITS, "0")}`;
    if (at < OFFSET_LIMIT) return { fileName: fileName(file), at };
    return { fileName: fileName(file + 1), at: FIRST_OFFSET };
  } finally {
    await session.close();
  }
}
