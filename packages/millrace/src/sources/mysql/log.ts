import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import { type DumpStart, openDump } from "./binlog-dump.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import type { EventReader } from "./event-reader.ts";
import type { LargeRowLimits } from "./large-row-decoder.ts";
import { logError } from "./log-errors.ts";
import { dumpStart, FIRST_OFFSET } from "./log-files.ts";
import type { PlaceOptions } from "./log-place.ts";
import { eventsFrom, type FoundEvent } from "./log-probe.ts";
import type { LoggedTables } from "./logged-tables.ts";
import type { LogPosition } from "./position.ts";
import { preparedBefore } from "./prepared-search.ts";
import { MysqlLog } from "./replication-log.ts";
import { readLogFiles } from "./retention.ts";
import { readStanding, type ServerStanding } from "./server-standing.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";
import type { LogOffset } from "./transaction-id.ts";
import type { SoughtGroup } from "./xa-groups.ts";

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
  readonly heldBytes: number;
  readonly tables: LoggedTables;
  readonly limits: LargeRowLimits;
  /** Rows may stay the bytes that they are. */
  readonly images?: boolean;
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
  const { images = false } = options;
  const startOf = startsAt(config);
  const start = options.start ?? (await startOf(from[0]));
  await tables.begin(from);
  try {
    const as = { serverId, uuid, heartbeatMs };
    const { connection, reader: first } = await openDump(config, { start, ...as });
    failpoint("mysql-log.opened");
    const { flavor } = connection.version;
    const reading = new Reading(first);
    const parts = { reader: reading, from, place, tables, flavor, limits, images };
    const assembler = new TransactionAssembler(parts);
    const readFile = async (file: number): Promise<EventReader> => {
      const begin = await startOf({ file, at: FIRST_OFFSET });
      return (reading.reader = (await openDump(config, { start: begin, ...as })).reader);
    };
    async function* eventsAt(group: LogOffset): AsyncGenerator<FoundEvent> {
      yield* eventsFrom(config, await startOf(group));
    }
    const files = () => withSession(config, readLogFiles);
    const preparedAt = async ({ xid, before }: SoughtGroup) =>
      (await preparedBefore({ files, eventsAt }, new Set([xid]), before)).get(xid) ?? null;
    const beside = { readFile, eventsAt, preparedBefore: preparedAt };
    return new MysqlLog({ ...options, ...beside, reader: first, assembler });
  } catch (error) {
    throw logError(error, serverId, start);
  }
}

/** The reader that there is: it is told whether events have checksums. */
class Reading {
  reader: EventReader;

  constructor(reader: EventReader) {
    this.reader = reader;
  }

  get hasChecksums(): boolean | null {
    return this.reader.hasChecksums;
  }

  set hasChecksums(value: boolean | null) {
    this.reader.hasChecksums = value;
  }
}

/** Where dumps begin at the server whose files places name: what these are called it is asked once. */
function startsAt(config: MysqlConnectionConfig): (place: LogOffset) => Promise<DumpStart> {
  let standing: ServerStanding | null = null;
  return async (place) => {
    standing ??= await withSession(config, (session) => readStanding(session, session.version));
    return dumpStart(standing, place);
  };
}

async function withSession<T>(
  config: MysqlConnectionConfig,
  ask: (session: MysqlConnection) => Promise<T>,
): Promise<T> {
  const session = await openConnection(config);
  try {
    return await ask(session);
  } finally {
    await session.close();
  }
}
