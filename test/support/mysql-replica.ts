/** Replicas of a test's own MySQL or MariaDB: they follow it from the beginning of its log, and are promoted. */
import type { MysqlDatabase } from "./mysql-database.ts";
import { type MysqlServer, startMysql, type StartMysqlOptions } from "./mysql.ts";

/** Options of {@link startMysqlReplica}; the settings have to suit the source's. */
export interface MysqlReplicaOptions extends StartMysqlOptions {
  /** `gtid` when left out; `position` is for servers without (MySQL with gtid_mode OFF). */
  readonly by?: "gtid" | "position";
}

/** A server that follows another one, until it is promoted. */
export interface MysqlReplica extends MysqlServer {
  /** Waits until all that the source has logged by now is done here. */
  caughtUp(): Promise<void>;
  /** Ends the following; the server takes writes (it did before, from everybody who can do everything). */
  promote(): Promise<void>;
}

const caughtUpTimeoutSeconds = 30;

/**
 * Starts a replica of a server of ours; about 1 s. It begins with an empty server and does all that the source ever
 * logged, so the source must not have purged anything. It may follow a replica.
 */
export async function startMysqlReplica(
  source: MysqlServer,
  options: MysqlReplicaOptions = {},
): Promise<MysqlReplica> {
  const by = options.by ?? "gtid";
  const replica = await startMysql(source.flavor, {
    ...options,
    settings: { ...readOnly(source), relay_log: "relay", ...options.settings },
  });
  try {
    const sql = source.flavor === "mariadb" ? mariadbSql(source, by) : mysqlSql(source, by);
    await replica.query(`${sql}; START REPLICA`);
  } catch (error) {
    await replica.stop();
    throw error;
  }
  return {
    ...replica,
    caughtUp: () => caughtUp(source, replica, by),
    promote: async () => {
      const reset = source.flavor === "mariadb" ? "RESET SLAVE ALL" : "RESET REPLICA ALL";
      await replica.query(`STOP REPLICA; ${reset}; SET GLOBAL read_only = OFF`);
    },
  };
}

function readOnly(source: MysqlDatabase): Record<string, string> {
  return source.flavor === "mysql"
    ? { read_only: "ON", relay_log_recovery: "ON" }
    : { read_only: "ON" };
}

function mysqlSql(source: MysqlServer, by: "gtid" | "position"): string {
  const where =
    by === "gtid"
      ? "SOURCE_AUTO_POSITION = 1"
      : "SOURCE_LOG_FILE = 'binlog.000001', SOURCE_LOG_POS = 4";
  return `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '${source.host}', SOURCE_PORT = ${source.port},
    SOURCE_USER = '${source.user}', SOURCE_PASSWORD = '${source.password}', GET_SOURCE_PUBLIC_KEY = 1,
    SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 1000, ${where}`;
}

function mariadbSql(source: MysqlServer, by: "gtid" | "position"): string {
  const where =
    by === "gtid"
      ? "MASTER_USE_GTID = slave_pos"
      : "MASTER_USE_GTID = no, MASTER_LOG_FILE = 'binlog.000001', MASTER_LOG_POS = 4";
  return `CHANGE MASTER TO MASTER_HOST = '${source.host}', MASTER_PORT = ${source.port},
    MASTER_USER = '${source.user}', MASTER_PASSWORD = '${source.password}', MASTER_CONNECT_RETRY = 1, ${where}`;
}

async function caughtUp(
  source: MysqlServer,
  replica: MysqlServer,
  by: "gtid" | "position",
): Promise<void> {
  const { file, position, gtids } = await source.binlogEnd();
  const isMariadb = source.flavor === "mariadb";
  const seconds = caughtUpTimeoutSeconds;
  const [row] =
    by === "position"
      ? await replica.query(
          `SELECT ${isMariadb ? "MASTER_POS_WAIT" : "SOURCE_POS_WAIT"}(?, ?, ${seconds}) AS waited`,
          [file, position],
        )
      : await replica.query(
          `SELECT ${isMariadb ? "MASTER_GTID_WAIT" : "WAIT_FOR_EXECUTED_GTID_SET"}(?, ${seconds}) AS waited`,
          [gtids],
        );
  const waited = row?.["waited"];
  // The number of events where positions are waited for; NULL where nothing is being done.
  const done = by === "position" ? Number(waited ?? -1) >= 0 : Number(waited ?? 1) === 0;
  if (!done)
    throw new Error(
      `The replica has not done ${gtids || `${file}:${position}`}.\n${await replica.log()}`,
    );
}
