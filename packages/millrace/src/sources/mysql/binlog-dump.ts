import { MillraceError } from "../../errors/millrace-error.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import type { EventReader } from "./event-reader.ts";
import type { GtidSet } from "./gtid-set.ts";

/** Where a dump begins: at a place of this server's files, or behind what was executed, wherever that lies here. */
export type DumpStart =
  | { readonly fileName: string; readonly at: number }
  | { readonly executed: GtidSet }
  | { readonly mariaDbPosition: string };

/** What the server is told of us. */
export interface DumpOptions {
  readonly start: DumpStart;
  /** Must differ from that of each replica and each other reader of the server. */
  readonly serverId: number;
  /** Stands for this reader: an older dump of the same is ended by the server. */
  readonly uuid: string;
  /** How often an idle server says where its log ends. */
  readonly heartbeatMs: number;
}

const COM_BINLOG_DUMP = 0x12;
const COM_REGISTER_SLAVE = 0x15;
const COM_BINLOG_DUMP_GTID = 0x1e;
/** The offset of the first event of each file, and all that the command's older form can say. */
const FIRST_OFFSET = 4;
const OFFSET_LIMIT = 0x1_0000_0000;
/** MariaDB's: we know GTIDs, and events that we do not know we want to see all the same. */
const MARIADB_CAPABILITY = 4;

/**
 * Opens a session and has the server send its log. What it refuses (a file that is gone, a server id that another one
 * uses) comes from the reader's first `advance`.
 * @throws MillraceError
 */
export async function openDump(
  config: MysqlConnectionConfig,
  options: DumpOptions,
): Promise<{ readonly connection: MysqlConnection; readonly reader: EventReader }> {
  const connection = await openConnection(config);
  try {
    for (const [name, value] of sessionOf(connection, options))
      await connection.query(`SET @${name} = ?`, [value]);
    const register = packet(registration(options.serverId));
    const reader = connection.takeOver(Buffer.concat([register, packet(command(options))]));
    await reader.passOk();
    return { connection, reader };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** User variables that the server looks at when a dump begins; each flavour passes the other's by. */
function sessionOf(
  { version }: MysqlConnection,
  { heartbeatMs, uuid, start }: DumpOptions,
): readonly (readonly [string, string | number])[] {
  const heartbeat = heartbeatMs * 1_000_000;
  const own: readonly (readonly [string, string | number])[] =
    version.flavor === "mysql"
      ? [
          ["source_binlog_checksum", "CRC32"],
          ["source_heartbeat_period", heartbeat],
          ["replica_uuid", uuid],
        ]
      : [["mariadb_slave_capability", MARIADB_CAPABILITY]];
  const position = "mariaDbPosition" in start ? start.mariaDbPosition : null;
  return [
    ["master_binlog_checksum", "CRC32"],
    ["master_heartbeat_period", heartbeat],
    ["slave_uuid", uuid],
    ...own,
    ...(position === null ? [] : ([["slave_connect_state", position]] as const)),
  ];
}

function command({ start, serverId }: DumpOptions): Buffer {
  if ("executed" in start) return gtidDump(serverId, start.executed);
  if ("mariaDbPosition" in start) return plainDump(serverId, "", FIRST_OFFSET);
  if (start.at < OFFSET_LIMIT) return plainDump(serverId, start.fileName, start.at);
  throw new MillraceError("MR_BUG", `a dump from offset ${start.at}`);
}

function plainDump(serverId: number, fileName: string, at: number): Buffer {
  const fixed = Buffer.alloc(11);
  fixed.writeUInt8(COM_BINLOG_DUMP, 0);
  fixed.writeUInt32LE(at, 1);
  fixed.writeUInt32LE(serverId, 7);
  return Buffer.concat([fixed, Buffer.from(fileName, "utf8")]);
}

const THROUGH_GTID = 4;

/** Begins with the oldest file that may hold something that is not in the set, and leaves out what is. */
function gtidDump(serverId: number, executed: GtidSet): Buffer {
  const set = executed.encoded();
  const fixed = Buffer.alloc(23);
  fixed.writeUInt8(COM_BINLOG_DUMP_GTID, 0);
  fixed.writeUInt16LE(THROUGH_GTID, 1);
  fixed.writeUInt32LE(serverId, 3);
  // The length of a file's name, 0: the server looks for it.
  fixed.writeUInt32LE(0, 7);
  fixed.writeUInt32LE(FIRST_OFFSET, 11);
  fixed.writeUInt32LE(set.length, 19);
  return Buffer.concat([fixed, set]);
}

/** Host, user, password and port stay empty: they would be shown to whoever lists replicas. */
function registration(serverId: number): Buffer {
  const message = Buffer.alloc(18);
  message.writeUInt8(COM_REGISTER_SLAVE, 0);
  message.writeUInt32LE(serverId, 1);
  return message;
}

function packet(message: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(message.length, 0, 3);
  return Buffer.concat([header, message]);
}
